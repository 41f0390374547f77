"""How late the trio loop is: a task that observes how long after its time it was called.

Run by ``node.parts``; ``common.loop_lag`` does the same for asyncio.
"""

from __future__ import annotations

from typing import Never

import trio

from common.histograms import Histogram, HistogramValue

INTERVAL_S = 0.5


class LoopWatch:
    """Observe the loop that ``run`` runs in."""

    def __init__(self) -> None:
        self._histogram = Histogram()

    @property
    def value(self) -> HistogramValue:
        """What was observed so far; for the trio thread."""
        return self._histogram.value()

    async def run(self) -> Never:
        """Observe until cancelled."""
        while True:
            due_s = trio.current_time() + INTERVAL_S
            await trio.sleep_until(due_s)
            self._histogram.observe(trio.current_time() - due_s)
