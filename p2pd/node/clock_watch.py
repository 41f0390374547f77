"""The task that checks the node's clock, reports its steps and remembers it.

Started by ``p2pd.node.parts``. Steps are logged and counted in the metrics.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple, Never, Protocol, assert_never

import structlog
import trio

from p2pd.domain.clock import SECOND_NS, STEADY_AFTER_NS, ClockChange, NodeClock
from p2pd.errors import ChatError

CHECK_INTERVAL_S = 1.0
SAVE_INTERVAL_NS = 60 * SECOND_NS

log_line = structlog.get_logger(__name__)


class LastSeen(Protocol):
    """When the wall clock was last seen steady, over restarts."""

    def last_seen_ns(self) -> int:
        """Return nanoseconds since the epoch; 0 where it is not known."""

    def save_last_seen(self, wall_ns: int) -> None:
        """Commit it."""


def uptime_ns() -> int:
    """Return the time since the machine was started, asleep or not, in nanoseconds."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Clocks(NamedTuple):
    """The machine's clocks, nanoseconds: the one that is set, and one that nobody sets."""

    wall_ns: Callable[[], int]
    uptime_ns: Callable[[], int]


MACHINE_CLOCKS = Clocks(time.time_ns, uptime_ns)  # noqa: TID251


def open_clock(clocks: Clocks, last_seen: LastSeen) -> NodeClock:
    """Make the node's clock, knowing when an earlier start saw it steady."""
    return NodeClock(*clocks, last_seen.last_seen_ns())


async def watch_clock(
    clock: NodeClock, last_seen: LastSeen, correct_times: Callable[[int], None]
) -> Never:
    """Check the clock every second; ends by cancellation.

    Args:
        correct_times: Called with the time whenever it is known again: what was
            stored by a clock that was ahead lies in the future.
    """
    if not clock.is_steady:
        hours = STEADY_AFTER_NS // SECOND_NS // 3600
        log_line.warning("wall clock in doubt", retention_by_age="paused", at_most_hours=hours)
    was_steady, saved_ns = False, 0
    while True:
        _report(clock.deviation_ns / SECOND_NS, clock.check())
        is_steady = clock.is_steady
        if is_steady and not was_steady:
            correct_times(clock.now_ns())
        was_steady = is_steady
        if abs(clock.last_seen_ns - saved_ns) >= SAVE_INTERVAL_NS:
            saved_ns = _saved(last_seen, clock.last_seen_ns)
        await trio.sleep(CHECK_INTERVAL_S)


def _report(deviation_s: float, change: ClockChange | None) -> None:
    match change:
        case None:
            pass
        case ClockChange.STEPPED:
            log_line.warning(
                "wall clock stepped", by_s=round(deviation_s), retention_by_age="paused"
            )
        case ClockChange.RETURNED:
            log_line.info("wall clock stepped back to where it was")
        case ClockChange.BELIEVED:
            log_line.warning("wall clock believed after a step", by_s=round(deviation_s))
        case ClockChange.STEADY:
            log_line.info("wall clock steady", retention_by_age="resumed")
        case _:
            assert_never(change)


def _saved(last_seen: LastSeen, wall_ns: int) -> int:
    try:
        last_seen.save_last_seen(wall_ns)
    except ChatError as error:
        log_line.warning("wall clock not remembered", error=str(error))
    return wall_ns
