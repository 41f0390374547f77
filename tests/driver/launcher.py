"""Forks nodes off one process that has imported all they need.

    python -m tests.driver.launcher

Reads a request a line, answers the process id of the node. Run by ``forked``.
A node's start is almost all imports; forked, it takes a thirtieth of the time.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import sys
from pathlib import Path
from typing import NoReturn

from p2pd import __main__ as program
from p2pd.node import composition  # noqa: F401 - this import is what takes the time


def main() -> None:
    """Fork until standard input ends."""
    gc.freeze()
    for line in sys.stdin:
        print(fork_orphan(json.loads(line)), flush=True)


def fork_orphan(request: dict[str, str]) -> int:
    """Fork a node that is nobody's child here, so that the test can wait for it."""
    reader, writer = os.pipe()
    between = os.fork()
    if between == 0:
        if os.fork():
            os._exit(0)
        # A group of its own before anybody knows it: the group is what is killed.
        os.setsid()
        os.write(writer, str(os.getpid()).encode())
        os.close(reader)
        os.close(writer)
        become_node(request)
    os.waitpid(between, 0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        return int(answer.read())


def become_node(request: dict[str, str]) -> NoReturn:
    """Be what ``python -m p2pd`` is."""
    for number, name in enumerate((os.devnull, request.pop("stdout"), request.pop("stderr"))):
        os.dup2(os.open(name, os.O_RDWR), number)
    enter_namespace(request.pop("namespace"))
    os.environ.update(request)
    sys.argv = ["p2pd"]
    try:
        program.main()
    except SystemExit as end:
        os._exit(end.code if isinstance(end.code, int) else 1)
    finally:
        os._exit(1)


def enter_namespace(name: str) -> None:
    """Enter a network namespace that ``ip netns`` made; none for no name."""
    if name:
        with Path("/run/netns", name).open("rb") as namespace:
            if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0):
                raise OSError(ctypes.get_errno(), f"cannot enter namespace {name}")


if __name__ == "__main__":
    main()
