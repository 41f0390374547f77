"""Delays double up to a limit, with jitter, and begin again when told."""

from __future__ import annotations

from random import Random

import pytest

from p2pd.net.discovery.pace import JITTER, Pace


def test_delays_double_from_the_least_to_the_most() -> None:
    pace = Pace(1.0, 10.0, Random(1))
    wanted = [1, 2, 4, 8, 10, 10]
    assert [pace.next_delay_s() for _ in wanted] == [pytest.approx(w, rel=JITTER) for w in wanted]


def test_two_who_start_together_do_not_stay_in_step() -> None:
    first, second = Pace(1.0, 10.0, Random(1)), Pace(1.0, 10.0, Random(2))
    assert first.next_delay_s() != second.next_delay_s()


def test_quicken_begins_again() -> None:
    pace = Pace(1.0, 10.0, Random(1))
    for _ in range(5):
        pace.next_delay_s()
    pace.quicken()
    assert pace.next_delay_s() == pytest.approx(1, rel=JITTER)
