"""The older design as a peer: a Go node and a Rust gateway that speak JSON lines over STDIO.

Used by ``bench.way`` and ``bench.fan_out``. Both programs are built here into
``build/bench`` with the first use; that needs Go and Cargo.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import orjson

SOURCES = Path(__file__).parent
BUILT = Path(__file__).parents[2] / "build" / "bench"


@dataclass(frozen=True, slots=True)
class Pair:
    """A running gateway with its node."""

    http_address: str
    node_address: str
    gateway_pid: int
    node_pid: int


@contextmanager
def running_pair() -> Iterator[Pair]:
    """Give one gateway whose node is alone."""
    with _running() as (pair, _):
        yield pair


@contextmanager
def running_pairs() -> Iterator[tuple[Pair, Pair]]:
    """Give two gateways whose nodes are in one room."""
    with ExitStack() as stack:
        pair, lines = stack.enter_context(_running())
        other, other_lines = stack.enter_context(_running(pair.node_address))
        _wait_line(lines, "joined")
        _wait_line(other_lines, "joined")
        yield pair, other


@contextmanager
def _running(*addresses: str) -> Iterator[tuple[Pair, Iterator[bytes]]]:
    gateway, node = _programs()
    command = [str(gateway), str(node), *addresses]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        lines = iter(process.stdout)  # type: ignore[arg-type]
        ready = _wait_line(lines, "ready")
        pair = Pair(ready["listen"], ready["addresses"][0], ready["gateway_pid"], ready["pid"])
        yield pair, lines
        assert process.stdin is not None
        process.stdin.close()


def _wait_line(lines: Iterator[bytes], wanted: str) -> dict[str, Any]:
    for line in lines:
        found = orjson.loads(line)
        if found["type"] == wanted:
            return cast("dict[str, Any]", found)
    raise RuntimeError(f"the pair ended before it said {wanted}")


@cache
def _programs() -> tuple[Path, Path]:
    """Build the gateway and the node; return where they are."""
    node = BUILT / "stdio-node"
    build_node = ["go", "build", "-buildvcs=false", "-o", str(node), "."]
    subprocess.run(build_node, cwd=SOURCES / "node", check=True)
    environment = os.environ | {"CARGO_TARGET_DIR": str(BUILT / "cargo")}
    build_gateway = ["cargo", "build", "--quiet", "--release"]
    subprocess.run(build_gateway, cwd=SOURCES / "gateway", env=environment, check=True)
    return BUILT / "cargo" / "release" / "stdio-gateway", node
