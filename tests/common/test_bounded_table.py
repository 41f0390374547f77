from __future__ import annotations

import hypothesis.strategies as st
from hypothesis import given

from common.bounded_table import EXAMINED_AT_ONCE, BoundedTable


def test_the_entry_used_longest_ago_makes_room() -> None:
    table: BoundedTable[str, int] = BoundedTable(2, lambda _: True)
    assert table.add("a", 1)
    assert table.add("b", 2)
    assert table.use("a") == 1
    assert table.add("c", 3)
    assert [key in table for key in "abc"] == [True, False, True]


def test_an_entry_that_must_stay_stays_and_is_no_obstacle() -> None:
    table: BoundedTable[int, bool] = BoundedTable(2 * EXAMINED_AT_ONCE, lambda may: may)
    for key in range(2 * EXAMINED_AT_ONCE):
        assert table.add(key, key >= EXAMINED_AT_ONCE)
    assert not table.add(100, True)
    assert table.add(100, True)
    assert all(key in table for key in range(EXAMINED_AT_ONCE))
    assert EXAMINED_AT_ONCE not in table


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans())), st.integers(1, 10))
def test_the_bound_holds_and_only_what_may_go_goes(
    keys: list[tuple[int, bool]], bound: int
) -> None:
    table: BoundedTable[int, bool] = BoundedTable(bound, lambda may: may)
    must_stay: set[int] = set()
    for key, may_go in keys:
        if table.use(key) is None and table.add(key, may_go) and not may_go:
            must_stay.add(key)
        assert len(table) <= bound
        assert all(key in table for key in must_stay)
