from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given

from common.fair_rates import ACTIVE_S, FairRates

CALLS = st.lists(st.tuples(st.integers(0, 12), st.floats(0, 0.5)), max_size=300)


class Callers:
    """Callers that publish through one limit, on a clock of their own."""

    def __init__(self) -> None:
        self.rates: FairRates[str] = FairRates(100.0, 500, 8)
        self.now_s = 0.0

    def publish(self, seconds: float, *keys: str, per_s: int = 1_000) -> Counter[str]:
        """Let each key try so often, one after the other; count what passed."""
        passed: Counter[str] = Counter()
        for _ in range(int(seconds * per_s)):
            for key in keys:
                passed[key] += self.rates.consume(key, self.now_s) == 0.0
            self.now_s += 1 / per_s
        return passed


def test_one_caller_alone_has_the_whole_burst_and_the_whole_rate() -> None:
    callers = Callers()
    assert sum(callers.rates.consume("alone", 0.0) == 0.0 for _ in range(600)) == 500
    assert callers.publish(10, "alone")["alone"] == pytest.approx(1_000, rel=0.02)


def test_a_caller_that_publishes_all_it_can_starves_no_other() -> None:
    callers = Callers()
    callers.publish(30, "loud")
    passed = callers.publish(10, *["loud"] * 10, "quiet")
    assert passed["quiet"] >= 450
    assert passed["loud"] >= 400
    first = callers.publish(0.1, *["loud"] * 10, "new")
    assert first["new"] >= 1


def test_what_a_quiet_caller_leaves_is_there_for_the_loud_one() -> None:
    callers = Callers()
    callers.publish(30, "loud")
    loud = quiet = 0
    for _ in range(100):
        quiet += callers.publish(0.001, "quiet")["quiet"]
        loud += callers.publish(0.099, "loud")["loud"]
    assert quiet == 100
    assert loud == pytest.approx(900, rel=0.1)


def test_a_caller_that_went_away_has_no_share_any_more() -> None:
    rates: FairRates[str] = FairRates(100.0, 500, 8)
    for key in ("a", "b"):
        rates.consume(key, 0.0)
    assert len(rates) == 2
    rates.consume("a", ACTIVE_S - 1)
    rates.consume("a", ACTIVE_S + 1)
    assert len(rates) == 1


@given(calls=CALLS, burst=st.integers(1, 50), max_keys=st.integers(1, 6))
def test_all_callers_together_never_have_more_than_the_total(
    calls: list[tuple[int, float]], burst: int, max_keys: int
) -> None:
    rates: FairRates[int] = FairRates(2.0, burst, max_keys)
    now_s, granted = 0.0, 0
    for key, gap_s in calls:
        now_s += gap_s
        wait_s = rates.consume(key, now_s)
        assert wait_s >= 0.0
        granted += wait_s == 0.0
        assert len(rates) <= max_keys + 1
        assert granted <= burst + 2.0 * now_s + 1e-6


@given(calls=CALLS, burst=st.integers(8, 50))
def test_who_comes_again_when_it_was_told_to_is_served_if_nobody_else_comes(
    calls: list[tuple[int, float]], burst: int
) -> None:
    rates: FairRates[int] = FairRates(2.0, burst, 20)
    now_s = 0.0
    for key, gap_s in calls:
        now_s += gap_s
        rates.consume(key, now_s)
    while (wait_s := rates.consume(0, now_s)) == 0.0:
        pass
    assert rates.consume(0, now_s + wait_s + 1e-6) == 0.0
