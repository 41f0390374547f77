"""Items of a room in a list, as both sides of a reconciliation have them in tests."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

from p2pd.domain.items import Bound, End, Item, Summary, Upper, summary_of


class SortedItems:
    """An item set over a sorted list."""

    def __init__(self, items: Iterable[Item]) -> None:
        self._items = sorted(items)

    def _cut(self, lower: Bound, upper: Upper) -> list[Item]:
        end = len(self._items) if isinstance(upper, End) else bisect_left(self._items, upper)
        return self._items[bisect_left(self._items, lower) : end]

    def summary(self, lower: Bound, upper: Upper) -> Summary:
        return summary_of(self._cut(lower, upper))

    def items(self, lower: Bound, upper: Upper) -> Sequence[Item]:
        return self._cut(lower, upper)

    def split(self, lower: Bound, upper: Upper, parts: int) -> Sequence[tuple[Upper, Summary]]:
        items = self._cut(lower, upper)
        size = -(-len(items) // parts)
        chunks = [items[start : start + size] for start in range(0, len(items), size)]
        uppers: list[Upper] = [chunk[0] for chunk in chunks[1:]]
        return [
            (bound, summary_of(chunk))
            for bound, chunk in zip([*uppers, upper], chunks, strict=True)
        ]
