from __future__ import annotations

import asyncio
import time

from hypothesis import given
from hypothesis import strategies as st

from common.histograms import Histogram
from common.loop_lag import INTERVAL_S, LoopLag


def test_a_value_at_a_bound_is_within_it() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 7.0):
        histogram.observe(value)
    assert histogram.value().buckets() == [("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)]
    assert histogram.value().total == 10.0


def test_what_was_handed_out_stays_as_it_was() -> None:
    histogram = Histogram((1.0,))
    before = histogram.value()
    histogram.observe(0.5)
    assert before.counts == (0, 0)
    assert histogram.value().counts == (1, 0)


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(0, 5))))
def test_several_alike_count_as_much_as_one_by_one(observed: list[tuple[float, int]]) -> None:
    together, one_by_one = Histogram(), Histogram()
    for value, count in observed:
        together.observe(value, count)
        for _ in range(count):
            one_by_one.observe(value)
    assert together.value().counts == one_by_one.value().counts
    assert sum(together.value().counts) == sum(count for _, count in observed)


def test_a_loop_that_was_held_up_shows_it() -> None:
    async def hold_up(lag: LoopLag) -> None:
        lag.start()
        await asyncio.sleep(0)
        time.sleep(INTERVAL_S + 0.3)
        await asyncio.sleep(0.01)
        lag.stop()

    lag = LoopLag()
    asyncio.run(hold_up(lag))
    assert sum(lag.value.counts) == 1
    assert lag.value.total >= 0.3
