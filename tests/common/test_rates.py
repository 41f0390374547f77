from __future__ import annotations

from collections import Counter

import hypothesis.strategies as st
import pytest
from hypothesis import given

from common.rates import KeyedRates, TokenBucket


def test_a_burst_passes_and_the_next_is_told_when_to_come() -> None:
    bucket = TokenBucket(rate_per_s=2.0, burst=3)
    assert [bucket.consume(10.0) for _ in range(3)] == [0.0, 0.0, 0.0]
    assert bucket.consume(10.0) == pytest.approx(0.5)
    assert bucket.consume(10.5) == 0.0


def test_a_clock_that_goes_back_gives_nothing_away() -> None:
    bucket = TokenBucket(rate_per_s=1.0, burst=1)
    assert bucket.consume(10.0) == 0.0
    assert bucket.consume(5.0) > 0.0
    assert bucket.consume(10.0) > 0.0


@given(
    rate=st.floats(0.1, 1000),
    burst=st.integers(1, 100),
    gaps_s=st.lists(st.floats(0, 2), max_size=200),
)
def test_never_more_than_burst_plus_rate_times_time(
    rate: float, burst: int, gaps_s: list[float]
) -> None:
    bucket = TokenBucket(rate, burst)
    now_s, taken = 0.0, 0
    for gap_s in gaps_s:
        now_s += gap_s
        taken += bucket.consume(now_s) == 0.0
    assert taken <= burst + rate * now_s + 1e-6


@given(
    calls=st.lists(st.tuples(st.integers(0, 12), st.floats(0, 0.5)), max_size=300),
    burst=st.integers(1, 10),
    max_keys=st.integers(1, 6),
)
def test_no_key_gets_more_than_its_burst_whatever_other_keys_come(
    calls: list[tuple[int, float]], burst: int, max_keys: int
) -> None:
    rates: KeyedRates[int] = KeyedRates(1.0, burst, max_keys)
    now_s = 0.0
    granted: Counter[int] = Counter()
    for key, gap_s in calls:
        now_s += gap_s
        granted[key] += rates.consume(key, now_s) == 0.0
        assert len(rates) <= max_keys
        assert granted[key] <= burst + now_s + 1e-6


def test_thousands_of_made_up_keys_do_not_renew_a_burst() -> None:
    rates: KeyedRates[str] = KeyedRates(0.001, 10, 1_000)
    assert [rates.consume("loud", 0.0) == 0.0 for _ in range(11)] == [True] * 10 + [False]
    for number in range(5_000):
        rates.consume(f"made up {number}", 0.0)
    assert rates.consume("loud", 0.0) > 0.0


def test_a_full_bucket_makes_room_for_a_new_key() -> None:
    rates: KeyedRates[str] = KeyedRates(1.0, 2, 2)
    for key in ("a", "b"):
        rates.consume(key, 0.0)
    assert rates.consume("new", 10.0) == 0.0
    assert rates.consume("new", 10.0) == 0.0
    assert rates.consume("new", 10.0) > 0.0
    assert len(rates) == 2
