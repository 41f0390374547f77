from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from common.rates import TokenBucket


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
