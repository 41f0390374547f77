"""Node to node on the libp2p layer alone: ours, stock py-libp2p, go-libp2p or js-libp2p.

A process per node: how many messages a second a burst arrives with, from one publisher
and from eight at once, between two nodes and among five that know one another; the latency
of one message at a time; processor time per message of all nodes; and how long a first
word needs from the dial. Every message must arrive.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from itertools import combinations
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import Any, Literal

from bench.measure import NS_IN_MS, NS_IN_S, Figures, p50_ms, p99_ms
from bench.processor import processor_s
from bench.sizes import Sizes

Stack = Literal["ours", "stock", "go", "js"]
Transport = Literal["tcp", "quic"]
Times = list[tuple[int, int]]
"""When each message was sent, and when it came."""

ROOT = Path(__file__).parents[1]
GO_PEER = Path(__file__).parent / "go_layer_peer"
JS_PEER = ROOT / "tests" / "javascript" / "interop" / "layer-peer.js"
BUILT = ROOT / "build" / "bench"
WARM_UP_MESSAGES = 100
PACED_PER_S = 50
"""The pace of the other ways, which this one is compared with."""
PACES_PER_S = (PACED_PER_S, 100)
MANY_PUBLISHERS = 8
FIRST_WORD_S = 2.5
"""How long a first word is said again and again: longer than two heartbeats of the mesh."""
TIMEOUT_S = 120
MS_IN_S = 1e3


class Peer:
    """A node in a process of its own.

    Attributes:
        address: Where it listens.
    """

    def __init__(self, stack: Stack, transport: Transport) -> None:
        self._process = subprocess.Popen(
            _command(stack, transport),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Peer:
        self.address, self._pid = self.answer()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()

    @property
    def spent_s(self) -> float:
        """Processor time so far."""
        return processor_s(self._pid)

    def tell(self, *command: object) -> None:
        """Send a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def answer(self) -> Any:
        """Wait for the next line that is an answer; libraries print others."""
        assert self._process.stdout is not None
        while line := self._process.stdout.readline():
            if line.startswith(('"', "[")):
                return json.loads(line)
        raise RuntimeError("the node ended")


def _command(stack: Stack, transport: Transport) -> list[str]:
    if stack == "go":
        return [_go_peer()]
    if stack == "js":
        return [str(Path(sys.executable).parent / "node"), str(JS_PEER)]
    return [sys.executable, "-m", "bench.libp2p_peer", stack, transport]


@cache
def _go_peer() -> str:
    """Build the Go program; return where it is."""
    built = str(BUILT / "layer-peer")
    subprocess.run(["go", "build", "-buildvcs=false", "-o", built, "."], cwd=GO_PEER, check=True)
    return built


def run(stack: Stack, sizes: Sizes, transport: Transport = "tcp") -> Figures:
    """Measure one pair of nodes; of stock py-libp2p only what it can carry."""
    is_slow = stack == "stock"
    with running_peers(stack, transport, 2) as (sender, receiver):
        count = sizes.burst // 4 if is_slow else sizes.burst
        burst, burst_cpu_ms = _exchange(sender, [receiver], count)
        figures = {"burst_per_s": _rate(burst), "burst_cpu_ms": burst_cpu_ms}
        if not is_slow:
            many, _ = _exchange(sender, [receiver], sizes.burst, publishers=MANY_PUBLISHERS)
            figures["burst_of_many_per_s"] = _rate(many)
        for pace_per_s in PACES_PER_S[:1] if is_slow else PACES_PER_S:
            paced, cpu_ms = _exchange(sender, [receiver], sizes.paced, pace_per_s)
            latencies_ns = [came - sent for sent, came in paced]
            figures[f"p50_ms_{pace_per_s}"] = p50_ms(latencies_ns)
            figures[f"p99_ms_{pace_per_s}"] = p99_ms(latencies_ns)
            figures[f"cpu_ms_{pace_per_s}"] = cpu_ms
        return figures | {"p50_ms": figures["p50_ms_50"], "p99_ms": figures["p99_ms_50"]}


def run_five(stack: Stack, sizes: Sizes) -> Figures:
    """Measure five nodes that all know one another, one of which publishes."""
    with running_peers(stack, "tcp", 5) as (sender, *receivers):
        burst, cpu_ms = _exchange(sender, receivers, sizes.burst)
        return {"burst_per_s": _rate(burst) / len(receivers), "burst_cpu_ms": cpu_ms}


def run_first_word(stack: Stack, sizes: Sizes) -> Figures:
    """Measure from the dial of a node that has just started to the first word that comes."""
    return {"first_word_ms": median(_first_word_ms(stack) for _ in range(sizes.first_words))}


def _first_word_ms(stack: Stack) -> float:
    with ExitStack() as stack_of_peers:
        sender, receiver = (stack_of_peers.enter_context(Peer(stack, "tcp")) for _ in range(2))
        receiver.tell("expect", 1, TIMEOUT_S)
        sender.tell("first", receiver.address, FIRST_WORD_S)
        came: Times = receiver.answer()
        (begin_ns,) = sender.answer()
        if not came:
            raise RuntimeError("no word arrived")
        return float((came[0][1] - begin_ns) / NS_IN_MS)


@contextmanager
def running_peers(stack: Stack, transport: Transport, count: int) -> Iterator[list[Peer]]:
    """Give nodes that all have one another in their mesh, warmed up."""
    with ExitStack() as stack_of_peers:
        peers = [stack_of_peers.enter_context(Peer(stack, transport)) for _ in range(count)]
        for one, other in combinations(peers, 2):
            one.tell("connect", other.address)
            one.answer()
        _exchange(peers[0], peers[1:], WARM_UP_MESSAGES)
        yield peers


def _exchange(
    sender: Peer,
    receivers: Sequence[Peer],
    count: int,
    rate_per_s: float = 0,
    publishers: int = 1,
) -> tuple[Times, float]:
    """Send messages to all receivers.

    Returns:
        When each was sent and came, at each receiver, and the processor time of all nodes
        per message, in ms.
    """
    count -= count % publishers
    peers = [sender, *receivers]
    begin_s = sum(peer.spent_s for peer in peers)
    for receiver in receivers:
        receiver.tell("expect", count, TIMEOUT_S)
    sender.tell("publish", count, rate_per_s, publishers)
    sender.answer()
    times: Times = []
    for receiver in receivers:
        came = receiver.answer()
        if len(came) != count:
            raise RuntimeError(f"{len(came)} of {count} messages arrived")
        times += came
    spent_s = sum(peer.spent_s for peer in peers) - begin_s
    return times, spent_s * MS_IN_S / count


def _rate(times: Times) -> float:
    """Return how many arrived in a second, at all receivers."""
    begin_ns, end_ns = min(sent for sent, _ in times), max(came for _, came in times)
    return len(times) / ((end_ns - begin_ns) / NS_IN_S)
