"""Node to node on the libp2p layer alone, ours beside stock py-libp2p.

``python -m bench.libp2p_layer`` opens two processes a run, one a node, and
measures how many messages a second a burst arrives with, and the latency of
50 messages a second. Every message must arrive. Prints JSON, then a table.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any

from bench.measure import Figures, interleaved_medians, percentile, table

NS_IN_MS = 1e6
NS_IN_S = 1e9
WARM_UP_MESSAGES = 100
PACED_PER_S = 50
TIMEOUT_S = 120


class Peer:
    """A node in a process of its own."""

    def __init__(self, stack: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.libp2p_peer", stack],
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


def run(stack: str, burst: int, paced: int) -> Figures:
    """Measure one pair of nodes."""
    with ExitStack() as peers:
        sender, receiver = (peers.enter_context(Peer(stack)) for _ in range(2))
        sender.tell("connect", receiver.address)
        sender.answer()
        _exchange(sender, receiver, WARM_UP_MESSAGES, 0)
        times_ns = _exchange(sender, receiver, burst, 0)
        begin_ns = min(sent for sent, _ in times_ns)
        end_ns = max(arrived for _, arrived in times_ns)
        paced_ns = _exchange(sender, receiver, paced, PACED_PER_S)
        latencies = [(arrived - sent) / NS_IN_MS for sent, arrived in paced_ns]
        return {
            "burst_messages_per_s": burst / ((end_ns - begin_ns) / NS_IN_S),
            "p50_ms": percentile(latencies, 0.5),
            "p99_ms": percentile(latencies, 0.99),
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--burst", type=int, default=2_000, help="messages at once")
    parser.add_argument("--paced", type=int, default=250, help=f"messages at {PACED_PER_S}/s")
    arguments = parser.parse_args()
    subjects = {
        stack: partial(run, stack, arguments.burst, arguments.paced) for stack in ("ours", "stock")
    }
    figures = interleaved_medians(subjects, arguments.rounds)
    ratio = figures["ours"]["burst_messages_per_s"] / figures["stock"]["burst_messages_per_s"]
    print(json.dumps({"libp2p_layer": figures, "burst_ratio": round(ratio, 2)}))
    print(table(figures))
    print(f"a burst of {arguments.burst}: ours {ratio:.1f} times stock")


if __name__ == "__main__":
    main()
