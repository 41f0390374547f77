"""How late an asyncio loop is: a timer that observes how long after its time it was called.

Started in the gateway's loop and in that of the node's gRPC server.
"""

from __future__ import annotations

import asyncio

from common.histograms import EMPTY, Histogram, HistogramValue

INTERVAL_S = 0.5


class LoopLag:
    """Observe the running loop until ``stop``.

    Attributes:
        value: What was observed, for any thread.
    """

    def __init__(self) -> None:
        self.value: HistogramValue = EMPTY
        self._histogram = Histogram()
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; called in the loop."""
        loop = asyncio.get_running_loop()
        self._wait_until(loop, loop.time() + INTERVAL_S)

    def stop(self) -> None:
        """Observe no more; called in the loop."""
        if self._timer is not None:
            self._timer.cancel()

    def _wait_until(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        self._timer = loop.call_at(due_s, self._observe, loop, due_s)

    def _observe(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        now_s = loop.time()
        self._histogram.observe(max(0.0, now_s - due_s))
        self.value = self._histogram.value()
        self._wait_until(loop, now_s + INTERVAL_S)
