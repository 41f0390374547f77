"""The node's clock: the wall clock, as far as a second clock confirms it.

``p2pd.node`` makes one and has it checked every second; everything that stamps or
compares times is given ``now_ns``. A step of the wall clock that the clock of the
machine's uptime does not confirm is not believed until it has lasted for a while.
What cannot be undone, retention by age, waits longer: until the clock ``is_steady``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

SECOND_NS = 10**9
TOLERANCE_NS = 10 * SECOND_NS
"""A step below this is no step: time servers correct as much."""
BELIEVE_AFTER_NS = 60 * SECOND_NS
"""A step that has lasted as long is believed by what stamps and compares times."""
STEADY_AFTER_NS = 6 * 3600 * SECOND_NS
"""What cannot be undone waits as long after a step, and after an odd start."""
PLAUSIBLE_ABSENCE_NS = 24 * 3600 * SECOND_NS
"""A node that was stopped for longer, by its wall clock, may have a wrong clock."""


class ClockChange(Enum):
    """What a check of the clock found."""

    STEPPED = "stepped"
    RETURNED = "returned"
    BELIEVED = "believed"
    STEADY = "steady"


@dataclass(frozen=True, slots=True)
class _Base:
    """A moment on both clocks, from which the present time is expected."""

    wall_ns: int
    uptime_ns: int


@dataclass(frozen=True, slots=True)
class _Step:
    """A deviation of the wall clock from what is expected, and the uptime it was seen at."""

    deviation_ns: int
    uptime_ns: int


class NodeClock:
    """Return the time, and whether it may be acted upon for good.

    ``check`` belongs to one thread; everything else may be called by any.

    Args:
        wall_ns: The wall clock, nanoseconds since the epoch.
        uptime_ns: A clock that nobody sets and that goes on while the machine
            sleeps; nanoseconds since any moment.
        last_seen_ns: The wall clock when a node of this data directory last saw it
            steady; 0 where that is not known.

    Attributes:
        steps: How often the wall clock has stepped.
    """

    def __init__(
        self,
        wall_ns: Callable[[], int],
        uptime_ns: Callable[[], int],
        last_seen_ns: int = 0,
    ) -> None:
        self._wall_ns = wall_ns
        self._uptime_ns = uptime_ns
        self._last_seen_ns = last_seen_ns
        self._base = _Base(wall_ns(), uptime_ns())
        self._step: _Step | None = None
        self._unsteady_since_ns: int | None = None
        if last_seen_ns and not self._is_plausible(self._base.wall_ns):
            self._unsteady_since_ns = self._base.uptime_ns
        self.steps = 0

    @property
    def last_seen_ns(self) -> int:
        """The wall clock when it was last seen steady; 0 where that is not known."""
        return self._last_seen_ns

    @property
    def is_steady(self) -> bool:
        """Whether the clock may be acted upon for good."""
        return self._step is None and self._unsteady_since_ns is None and not self._is_off()

    @property
    def deviation_ns(self) -> int:
        """How far the wall clock is ahead of what is expected; negative where it is behind."""
        return self._wall_ns() - self._expected_ns(self._uptime_ns())

    def now_ns(self) -> int:
        """Return the time: the wall clock's, or the expected one during a step."""
        wall_ns = self._wall_ns()
        expected_ns = self._expected_ns(self._uptime_ns())
        return wall_ns if abs(wall_ns - expected_ns) <= TOLERANCE_NS else expected_ns

    def check(self) -> ClockChange | None:
        """Compare both clocks; call it about once a second."""
        wall_ns, uptime_ns = self._wall_ns(), self._uptime_ns()
        deviation_ns = wall_ns - self._expected_ns(uptime_ns)
        if abs(deviation_ns) <= TOLERANCE_NS:
            return self._check_steady(wall_ns, uptime_ns)
        if self._corrects(wall_ns):
            self._unsteady_since_ns = None
            return self._believe(wall_ns, uptime_ns)
        step = self._step
        if step is None or abs(deviation_ns - step.deviation_ns) > TOLERANCE_NS:
            self._step = _Step(deviation_ns, uptime_ns)
            self.steps += 1
            return ClockChange.STEPPED
        if uptime_ns - step.uptime_ns >= BELIEVE_AFTER_NS:
            self._unsteady_since_ns = uptime_ns
            return self._believe(wall_ns, uptime_ns)
        return None

    def _check_steady(self, wall_ns: int, uptime_ns: int) -> ClockChange | None:
        self._base = _Base(wall_ns, uptime_ns)
        if self._unsteady_since_ns is None:
            self._last_seen_ns = wall_ns
        if self._step is not None:
            self._step = None
            return ClockChange.RETURNED
        since_ns = self._unsteady_since_ns
        if since_ns is not None and uptime_ns - since_ns >= STEADY_AFTER_NS:
            self._unsteady_since_ns = None
            return ClockChange.STEADY
        return None

    def _believe(self, wall_ns: int, uptime_ns: int) -> ClockChange:
        self._base = _Base(wall_ns, uptime_ns)
        self._step = None
        return ClockChange.BELIEVED

    def _corrects(self, wall_ns: int) -> bool:
        """Return whether a step leads from a time in doubt to one that follows the last steady."""
        is_odd = self._unsteady_since_ns is not None and self._last_seen_ns > 0
        return is_odd and self._is_plausible(wall_ns)

    def _is_plausible(self, wall_ns: int) -> bool:
        absence_ns = wall_ns - self._last_seen_ns
        return -TOLERANCE_NS <= absence_ns <= PLAUSIBLE_ABSENCE_NS

    def _is_off(self) -> bool:
        return abs(self.deviation_ns) > TOLERANCE_NS

    def _expected_ns(self, uptime_ns: int) -> int:
        base = self._base
        return base.wall_ns + uptime_ns - base.uptime_ns
