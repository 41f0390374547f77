from __future__ import annotations

import pytest

from p2pd.domain.clock import (
    BELIEVE_AFTER_NS,
    PLAUSIBLE_ABSENCE_NS,
    SECOND_NS,
    STEADY_AFTER_NS,
    ClockChange,
    NodeClock,
)

START_NS = 1_750_000_000 * SECOND_NS
DAY_NS = 24 * 3600 * SECOND_NS


class Machine:
    """A machine whose wall clock may be set."""

    def __init__(self, last_seen_ns: int = 0, wall_ns: int = START_NS) -> None:
        self.true_ns = START_NS
        self.uptime_ns = 5 * SECOND_NS
        self.set_by_ns = wall_ns - START_NS
        self.clock = NodeClock(
            lambda: self.true_ns + self.set_by_ns, lambda: self.uptime_ns, last_seen_ns
        )

    def run(self, duration_ns: int) -> list[ClockChange]:
        """Let time pass, with checks; return what they found."""
        step_ns = max(SECOND_NS, duration_ns // 50)
        changes = []
        for _ in range(max(1, duration_ns // step_ns)):
            self.true_ns += step_ns
            self.uptime_ns += step_ns
            changes.append(self.clock.check())
        return [one for one in changes if one is not None]


@pytest.mark.parametrize("step_ns", [40 * DAY_NS, -40 * DAY_NS, 400 * DAY_NS, 60 * SECOND_NS])
def test_a_short_step_is_not_believed(step_ns: int) -> None:
    machine = Machine()
    machine.run(10 * SECOND_NS)
    machine.set_by_ns = step_ns
    assert not machine.clock.is_steady
    assert machine.clock.now_ns() == machine.true_ns
    assert machine.run(6 * SECOND_NS) == [ClockChange.STEPPED]
    assert not machine.clock.is_steady
    assert machine.clock.now_ns() == machine.true_ns
    machine.set_by_ns = 0
    assert machine.run(SECOND_NS) == [ClockChange.RETURNED]
    assert machine.clock.is_steady
    assert machine.clock.steps == 1


def test_a_step_that_lasts_is_believed_and_nothing_is_removed_before_it_is_steady() -> None:
    machine = Machine()
    machine.set_by_ns = 40 * DAY_NS
    changes = machine.run(BELIEVE_AFTER_NS + 10 * SECOND_NS)
    assert changes == [ClockChange.STEPPED, ClockChange.BELIEVED]
    assert machine.clock.now_ns() == machine.true_ns + 40 * DAY_NS
    machine.run(STEADY_AFTER_NS - 600 * SECOND_NS)
    assert not machine.clock.is_steady
    assert machine.run(1200 * SECOND_NS) == [ClockChange.STEADY]
    assert machine.clock.is_steady


def test_a_believed_step_that_is_taken_back_costs_no_wait() -> None:
    machine = Machine()
    machine.run(10 * SECOND_NS)
    machine.set_by_ns = 40 * DAY_NS
    machine.run(2 * BELIEVE_AFTER_NS)
    machine.set_by_ns = 0
    assert machine.run(SECOND_NS) == [ClockChange.BELIEVED]
    assert machine.clock.is_steady
    assert machine.clock.now_ns() == machine.true_ns


def test_a_machine_that_slept_has_made_no_step() -> None:
    machine = Machine()
    machine.true_ns += 3 * DAY_NS
    machine.uptime_ns += 3 * DAY_NS
    assert machine.clock.is_steady
    assert machine.run(SECOND_NS) == []


def test_small_corrections_are_followed() -> None:
    machine = Machine()
    for _ in range(20):
        machine.set_by_ns += 5 * SECOND_NS
        assert machine.run(SECOND_NS) == []
    assert machine.clock.now_ns() == machine.true_ns + machine.set_by_ns


@pytest.mark.parametrize("ahead_ns", [40 * DAY_NS, 2 * DAY_NS, -DAY_NS])
def test_a_wrong_clock_at_the_start_that_is_corrected_soon(ahead_ns: int) -> None:
    machine = Machine(last_seen_ns=START_NS - 3600 * SECOND_NS, wall_ns=START_NS + ahead_ns)
    assert not machine.clock.is_steady
    machine.run(6 * SECOND_NS)
    assert not machine.clock.is_steady
    assert machine.clock.last_seen_ns == START_NS - 3600 * SECOND_NS
    machine.set_by_ns = 0
    assert machine.run(SECOND_NS) == [ClockChange.BELIEVED]
    assert machine.clock.is_steady
    assert machine.clock.now_ns() == machine.true_ns


def test_a_long_absence_is_believed_once_the_clock_was_steady() -> None:
    machine = Machine(last_seen_ns=START_NS - 90 * DAY_NS)
    assert not machine.clock.is_steady
    assert machine.clock.now_ns() == machine.true_ns
    assert machine.run(STEADY_AFTER_NS + 1200 * SECOND_NS) == [ClockChange.STEADY]
    machine.run(SECOND_NS)
    assert machine.clock.last_seen_ns == machine.true_ns


@pytest.mark.parametrize("absence_ns", [0, 3600 * SECOND_NS, PLAUSIBLE_ABSENCE_NS])
def test_an_ordinary_restart_costs_no_wait(absence_ns: int) -> None:
    assert Machine(last_seen_ns=START_NS - absence_ns).clock.is_steady


def test_a_first_start_costs_no_wait() -> None:
    assert Machine().clock.is_steady
