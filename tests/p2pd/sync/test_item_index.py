from __future__ import annotations

from collections.abc import Iterator

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from p2pd.domain.items import END, LOWEST, End, Item, Summary, Upper, item_digest, summary_of
from p2pd.sync import item_index
from p2pd.sync.item_index import ItemIndex


class Room:
    """Items that come and go, and how many were read of them."""

    def __init__(self) -> None:
        self.items: set[Item] = set()
        self.read_count = 0
        self.index = ItemIndex(self._read)

    def _read(self, first: int, last: int | None) -> Iterator[Item]:
        for item in sorted(self.items, key=lambda item: (item.seqno, item.digest[::-1])):
            if first <= item.seqno and (last is None or item.seqno <= last):
                self.read_count += 1
                yield item

    def toggle(self, number: int) -> None:
        item = make_item(number)
        self.items ^= {item}
        self.index.touch(item.seqno)

    def cut(self, lower: Item, upper: Upper) -> list[Item]:
        above = (item for item in self.items if lower <= item)
        return sorted(item for item in above if isinstance(upper, End) or item < upper)


def make_item(number: int) -> Item:
    return Item(number // 4, item_digest(str(number).encode()))


@pytest.fixture(autouse=True)
def _short_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(item_index, "CHUNK_ITEMS", 8)


bounds = st.integers(0, 300).map(make_item)


@settings(max_examples=300, deadline=None)
@given(
    steps=st.lists(st.lists(st.integers(0, 300), max_size=40), max_size=6),
    one=bounds,
    other=bounds,
    parts=st.integers(2, 16),
)
def test_it_answers_as_the_items_themselves(
    steps: list[list[int]], one: Item, other: Item, parts: int
) -> None:
    room = Room()
    lower, middle = min(one, other), max(one, other)
    for numbers in [*steps, []]:
        for number in numbers:
            room.toggle(number)
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
