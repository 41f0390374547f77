"""Durations counted by size, cheap enough for every message. Both services have some.

A ``Histogram`` belongs to one thread; others are given its frozen ``value``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

LATENCY_BOUNDS_S = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
"""Of what takes milliseconds when all is well."""


@dataclass(frozen=True, slots=True)
class HistogramValue:
    """A histogram at one moment.

    Attributes:
        counts: Observations up to each bound and above the bound before; one more at
            the end for those above the last bound.
        total: The sum of all observations.
    """

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: float

    def buckets(self) -> list[tuple[str, float]]:
        """Return bounds and cumulative counts as Prometheus has them."""
        names = (*map(str, self.bounds), "+Inf")
        return list(zip(names, map(float, accumulate(self.counts)), strict=True))


EMPTY = HistogramValue(LATENCY_BOUNDS_S, (0,) * (len(LATENCY_BOUNDS_S) + 1), 0.0)
"""Of what was never observed."""


class Histogram:
    """Observations counted by size."""

    __slots__ = ("_bounds", "_counts", "_total")

    def __init__(self, bounds: Sequence[float] = LATENCY_BOUNDS_S) -> None:
        self._bounds = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self._total = 0.0

    def observe(self, value: float, count: int = 1) -> None:
        """Count an observation, or several that are alike."""
        self._counts[bisect_left(self._bounds, value)] += count
        self._total += value * count

    def value(self) -> HistogramValue:
        """Return what was observed so far; called by the thread that observes."""
        return HistogramValue(self._bounds, tuple(self._counts), self._total)
