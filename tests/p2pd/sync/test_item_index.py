from __future__ import annotations

from collections.abc import Iterator

import hypothesis.strategies as st
from hypothesis import given, settings

from p2pd.domain.items import END, LOWEST, End, Item, Summary, Upper, item_digest, summary_of
from p2pd.store.message_store import RangeSum
from p2pd.sync.item_index import ItemIndex

RANGE_ITEMS = 8


class Room:
    """Items that come and go, sums over some of them, and how many items were read."""

    def __init__(self) -> None:
        self.items: set[Item] = set()
        self.read_count = 0
        self.stored: dict[int, RangeSum] = {}
        self.index = ItemIndex(self._read, self)

    def sealed(self) -> list[RangeSum]:
        return [self.stored[lower] for lower in sorted(self.stored)]

    def next(self, lower: int, upper: int | None) -> RangeSum:
        items = list(self._read(lower, None if upper is None else upper - 1))
        for place in range(RANGE_ITEMS, len(items) - RANGE_ITEMS):
            if items[place].seqno != items[place - 1].seqno:
                items, upper = items[:place], items[place].seqno
                break
        found = RangeSum(lower, upper, len(items), summary_of(items).total)
        if upper is not None:
            self.unseal(lower, upper)
            self.stored[lower] = found
        return found

    def verify(self, lower: int, upper: int) -> bool:
        before = len(self.stored)
        self.unseal(lower, upper)
        return len(self.stored) == before

    def unseal(self, lower: int, upper: int) -> None:
        for one in self.sealed():
            assert one.upper is not None
            if one.lower < upper and one.upper > lower:
                del self.stored[one.lower]

    def _read(self, first: int, last: int | None) -> Iterator[Item]:
        for item in sorted(self.items, key=lambda item: (item.seqno, item.digest[::-1])):
            if first <= item.seqno and (last is None or item.seqno <= last):
                self.read_count += 1
                yield item

    def toggle(self, number: int) -> None:
        item = make_item(number)
        self.items ^= {item}
        self.unseal(item.seqno, item.seqno + 1)
        self.index.touch(item.seqno)

    def restart(self) -> None:
        self.index = ItemIndex(self._read, self)

    def cut(self, lower: Item, upper: Upper) -> list[Item]:
        above = (item for item in self.items if lower <= item)
        return sorted(item for item in above if isinstance(upper, End) or item < upper)


def make_item(number: int) -> Item:
    return Item(number // 4, item_digest(str(number).encode()))


bounds = st.integers(0, 300).map(make_item)


@settings(max_examples=300, deadline=None)
@given(
    steps=st.lists(st.lists(st.integers(0, 300), max_size=40), max_size=6),
    one=bounds,
    other=bounds,
    parts=st.integers(2, 16),
    restarts=st.booleans(),
)
def test_it_answers_as_the_items_themselves(
    steps: list[list[int]], one: Item, other: Item, parts: int, restarts: bool
) -> None:
    room = Room()
    lower, middle = min(one, other), max(one, other)
    for numbers in [*steps, []]:
        for number in numbers:
            room.toggle(number)
        if restarts:
            room.restart()
        for low, high in ((LOWEST, END), (lower, middle), (lower, END), (LOWEST, middle)):
            expected = room.cut(low, high)
            assert list(room.index.items(low, high)) == expected
            assert room.index.summary(low, high) == summary_of(expected)
            pieces = room.index.split(low, high, parts)
            begin, total = low, Summary()
            for upper, summary in pieces:
                assert summary == summary_of(room.cut(begin, upper))
                total += summary
                begin = upper if isinstance(upper, Item) else begin
            assert pieces[-1][0] == high
            assert total == summary_of(expected)


def test_little_is_read_again_after_one_more_item() -> None:
    room = Room()
    for number in range(2000):
        room.toggle(number)
    room.index.summary(LOWEST, END)
    room.read_count = 0
    room.toggle(2000)
    assert room.index.summary(LOWEST, END).count == 2001
    assert room.read_count < 32


def test_a_wrong_sum_is_found_where_another_node_has_the_right_one() -> None:
    room = Room()
    for number in range(2000):
        room.toggle(number)
    expected = room.index.summary(LOWEST, END)
    wrong = room.sealed()[20]
    room.stored[wrong.lower] = wrong._replace(total=wrong.total + 1)
    room.restart()
    assert room.index.summary(LOWEST, END) != expected
    lower, upper = Item(wrong.lower, b""), Item(wrong.upper or 0, b"")
    room.index.split(lower, upper, 16)
    assert room.index.summary(LOWEST, END) == expected
    assert room.stored[wrong.lower] == wrong
