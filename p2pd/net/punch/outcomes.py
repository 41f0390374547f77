"""What became of hole punching: the newest runs, and counters of all.

Written by ``service``; shown by GetNode and in the metrics.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass

import structlog

from common.histograms import Histogram, HistogramValue
from p2pd.domain.reach import MAX_HOLE_PUNCHES, HolePunch

DURATION_BOUNDS_S = (0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0)
_NO_DURATIONS = Histogram(DURATION_BOUNDS_S).value()

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class PunchTotals:
    """All runs since the start.

    Attributes:
        ended: How many ended, by result, transport and the number of attempts.
        durations: Of those that succeeded, in seconds.
    """

    ended: tuple[tuple[tuple[str, str, str], int], ...] = ()
    durations: HistogramValue = _NO_DURATIONS


class PunchOutcomes:
    """The newest 16 runs; older ones are evicted, their counters stay."""

    def __init__(self) -> None:
        self._newest: deque[HolePunch] = deque(maxlen=MAX_HOLE_PUNCHES)
        self._ended: Counter[tuple[str, str, str]] = Counter()
        self._durations = Histogram(DURATION_BOUNDS_S)

    @property
    def newest(self) -> tuple[HolePunch, ...]:
        """The newest runs, oldest first."""
        return tuple(self._newest)

    @property
    def totals(self) -> PunchTotals:
        """All runs since the start, counted."""
        return PunchTotals(tuple(sorted(self._ended.items())), self._durations.value())

    def add(self, punch: HolePunch) -> None:
        """Remember, count and log a run that has ended."""
        self._newest.append(punch)
        self._ended[(punch.result.value, punch.transport, str(punch.attempt_count))] += 1
        if punch.transport:
            self._durations.observe(punch.duration_s)
        log.info(
            "hole punching ended",
            peer_id=punch.peer_id,
            result=punch.result.value,
            transport=punch.transport,
            attempts=punch.attempt_count,
            is_initiator=punch.is_initiator,
            duration_s=round(punch.duration_s, 3),
            round_trip_s=punch.round_trip_s and round(punch.round_trip_s, 4),
        )
