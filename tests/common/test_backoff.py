"""Delays double up to a limit, with jitter, and start again after a success."""

from __future__ import annotations

from random import Random

import pytest

from common.backoff import JITTER, Backoff


def delays_of(backoff: Backoff, count: int) -> list[float]:
    return [backoff.next_delay_s() for _ in range(count)]


@pytest.mark.parametrize(
    ("second_s", "wanted"),
    [(None, [1, 2, 4, 8, 10, 10]), (3.0, [1, 3, 6, 10, 10]), (20.0, [1, 10, 10])],
)
def test_delays_double_from_the_first_to_the_longest(
    second_s: float | None, wanted: list[float]
) -> None:
    backoff = Backoff(1.0, 10.0, second_s)
    assert delays_of(backoff, len(wanted)) == [pytest.approx(w, rel=JITTER) for w in wanted]


def test_a_delay_stays_bounded_for_ever() -> None:
    backoff = Backoff(1.0, 10.0, failures=10_000)
    assert max(delays_of(backoff, 100)) <= 10.0 * (1 + JITTER)


def test_two_that_start_together_do_not_stay_in_step() -> None:
    first, second = Backoff(1.0, 10.0, random=Random(1)), Backoff(1.0, 10.0, random=Random(2))
    assert first.next_delay_s() != second.next_delay_s()


def test_reset_starts_again() -> None:
    backoff = Backoff(1.0, 10.0, failures=5)
    backoff.reset()
    assert backoff.next_delay_s() == pytest.approx(1, rel=JITTER)
