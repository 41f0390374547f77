"""A load generator that offers publishes at a given rate, whatever the node answers.

Used by ``bench.overload``. It is a Go program, so that it takes little of the processor
that the node needs; it is built here into ``build/bench`` with the first use.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

import orjson

from bench.measure import percentile

SOURCES = Path(__file__).parent / "generator"
BUILT = Path(__file__).parents[2] / "build" / "bench"


@dataclass(frozen=True, slots=True)
class Offer:
    """What to offer.

    Attributes:
        kind: ``calls`` of Publish at a rate; ``streams``, the same over PublishStreams
            that are given only what they have room for; ``closed``, so many callers
            with a call after the other each.
    """

    kind: str
    seconds: float
    rate_per_s: float = 0.0
    callers: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an offer.

    Attributes:
        held: Publishes that no stream had room for.
        refused: How many of each status and reason.
        latencies_ms: Of what was accepted, from when each was due, in order of size.
    """

    offered: int
    accepted: int
    held: int
    refused: Mapping[str, int]
    seconds: float
    latencies_ms: Sequence[float]

    @property
    def p99_ms(self) -> float:
        """What 99 of 100 latencies stay below; 0.0 where nothing was accepted."""
        return percentile(self.latencies_ms, 0.99) if self.latencies_ms else 0.0


class Generator:
    """A running generator."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def offer(self, offer: Offer) -> Outcome:
        """Offer, and wait until each publish has an answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(orjson.dumps(asdict(offer)) + b"\n")
        self._process.stdin.flush()
        return Outcome(**orjson.loads(self._process.stdout.readline()))


@contextmanager
def open_generator(address: str) -> Iterator[Generator]:
    """Give a generator with some connections to the node at an address."""
    pipe = subprocess.PIPE
    with subprocess.Popen([_program(), address], stdin=pipe, stdout=pipe) as process:
        yield Generator(process)
        assert process.stdin is not None
        process.stdin.close()


@cache
def _program() -> Path:
    program = BUILT / "open-loop"
    command = ["go", "build", "-buildvcs=false", "-o", str(program), "."]
    subprocess.run(command, cwd=SOURCES, check=True)
    return program
