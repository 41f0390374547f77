"""Node to node on the libp2p layer alone, ours or stock py-libp2p.

Two processes a run, one a node: how many messages a second a burst arrives
with, and the latency of 50 messages a second. Every message must arrive.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Literal

from bench.measure import NS_IN_S, Figures, p50_ms, p99_ms
from bench.sizes import Sizes

Stack = Literal["ours", "stock"]
Transport = Literal["tcp", "quic"]

WARM_UP_MESSAGES = 100
PACED_PER_S = 50
TIMEOUT_S = 120


class Peer:
    """A node in a process of its own."""

    def __init__(self, stack: Stack, transport: Transport) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.libp2p_peer", stack, transport],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> Peer:
        self.address = self.answer()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()

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


def run(stack: Stack, sizes: Sizes, transport: Transport = "tcp") -> Figures:
    """Measure one pair of nodes."""
    with ExitStack() as peers:
        sender, receiver = (peers.enter_context(Peer(stack, transport)) for _ in range(2))
        sender.tell("connect", receiver.address)
        sender.answer()
        _exchange(sender, receiver, WARM_UP_MESSAGES, 0)
        times_ns = _exchange(sender, receiver, sizes.burst, 0)
        begin_ns = min(sent for sent, _ in times_ns)
        end_ns = max(arrived for _, arrived in times_ns)
        paced_ns = _exchange(sender, receiver, sizes.paced, PACED_PER_S)
        latencies_ns = [arrived - sent for sent, arrived in paced_ns]
        return {
            "burst_per_s": sizes.burst / ((end_ns - begin_ns) / NS_IN_S),
            "p50_ms": p50_ms(latencies_ns),
            "p99_ms": p99_ms(latencies_ns),
        }


def _exchange(sender: Peer, receiver: Peer, count: int, rate_per_s: float) -> list[tuple[int, int]]:
    """Send ``count`` messages; return when each was sent and when it came."""
    receiver.tell("expect", count, TIMEOUT_S)
    sender.tell("publish", count, rate_per_s)
    sender.answer()
    arrived: list[tuple[int, int]] = receiver.answer()
    if len(arrived) != count:
        raise RuntimeError(f"{len(arrived)} of {count} messages arrived")
    return arrived
