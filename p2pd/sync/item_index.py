"""A room's items for reconciliation, by the sums that the store has over ranges of them.

The store holds the items in order and the sums of most; this holds a copy of the sums.
What is appended or removed marks its range as stale, and the next reconciliation sums up
just that range again. Marked in the trio thread without waiting, used in worker threads,
one at a time.
"""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple, Protocol

from p2pd.domain.items import (
    END,
    MAX_SEQNO,
    Bound,
    End,
    Item,
    Summary,
    Upper,
    sum_of,
    summary_of,
)
from p2pd.store.message_store import RangeSum
from p2pd.sync.item_pieces import split_items

FEW_RANGES = 4
"""A range over so few of the store's is split by its items, a longer one by them."""
MAX_TOUCHED = 65_536
"""Changes that wait for the next reconciliation; with more, all sums are loaded anew."""

_SEQNO = attrgetter("seqno")

ReadItems = Callable[[int, int | None], Iterator[Item]]
"""Items with ``first <= seqno``, and ``seqno <= last`` unless it is None, in order of seqno."""


class Sums(Protocol):
    """The sums over ranges of one room's items; see ``MessageStore``."""

    def sealed(self) -> Sequence[RangeSum]:
        """Return those that are stored."""

    def next(self, lower: int, upper: int | None) -> RangeSum:
        """Sum up the next range."""

    def verify(self, lower: int, upper: int) -> bool:
        """Remove those that are wrong; return whether there were none."""


class _Part(NamedTuple):
    """A stretch of items, with its summary where it is one of the store's ranges."""

    lower: Bound
    upper: Upper
    summary: Summary | None


class ItemIndex:
    """An ``ItemSet`` over one room of the store.

    Args:
        read: Reads the room's items from the store.
    """

    def __init__(self, read: ReadItems, sums: Sums) -> None:
        self._read = read
        self._sums = sums
        self._lowers: list[int] = []
        """Where each range begins; it ends where the next begins."""
        self._summaries: list[Summary | None] = []
        """None is stale."""
        self._touched: deque[int] = deque()
        self._is_loaded = False
        self._lock = threading.Lock()

    def touch(self, seqno: int) -> None:
        """Handle that an item with this sequence number came or went; from any thread."""
        if not self._is_loaded:
            return
        self._touched.append(seqno)
        if len(self._touched) > MAX_TOUCHED:
            self._is_loaded = False

    def summary(self, lower: Bound, upper: Upper) -> Summary:
        """Summarise the items with ``lower <= item < upper``."""
        with self._lock:
            self._refresh()
            first, end = self._whole(lower, upper)
            whole = sum_of(one for one in self._summaries[first:end] if one is not None)
            edges = self._edges(lower, upper, first, end)
        return sum_of([whole, *(summary_of(self.items(*edge)) for edge in edges if edge)])

    def items(self, lower: Bound, upper: Upper) -> Sequence[Item]:
        """Return the items with ``lower <= item < upper``, in order."""
        return list(self._items(lower, upper))

    def split(self, lower: Bound, upper: Upper, parts: int) -> Sequence[tuple[Upper, Summary]]:
        """Cut a range into ranges of about equally many items."""
        with self._lock:
            self._refresh()
            stretches = self._parts(lower, upper)
        if len(stretches) <= FEW_RANGES:
            items = self.items(lower, upper)
            self._verify(stretches, items)
            return split_items(items, upper, parts)
        parts = min(parts, len(stretches))
        cuts = [len(stretches) * part // parts for part in range(parts + 1)]
        groups = [stretches[begin:end] for begin, end in itertools.pairwise(cuts)]
        return [(group[-1].upper, sum_of(map(self._summary_of, group))) for group in groups]

    def _whole(self, lower: Bound, upper: Upper) -> tuple[int, int]:
        """Return the numbers of the ranges that lie inside; none where they do not ascend."""
        after = bisect_right if lower.digest else bisect_left
        first = after(self._lowers, lower.seqno)
        if isinstance(upper, End):
            return first, len(self._lowers)
        return first, bisect_right(self._lowers, upper.seqno) - 1

    def _edges(
        self, lower: Bound, upper: Upper, first: int, end: int
    ) -> tuple[tuple[Bound, Upper] | None, tuple[Bound, Upper] | None]:
        """Return what lies before and behind the whole ranges."""
        if first >= end:
            return (lower, upper), None
        begins, ends = self._lower_of(first), self._upper_of(end - 1)
        head = (lower, begins) if lower < begins else None
        return head, None if isinstance(ends, End) or ends == upper else (ends, upper)

    def _parts(self, lower: Bound, upper: Upper) -> list[_Part]:
        first, end = self._whole(lower, upper)
        head, tail = self._edges(lower, upper, first, end)
        parts = [] if head is None else [_Part(*head, None)]
        for number in range(first, end):
            bounds = self._lower_of(number), self._upper_of(number)
            parts.append(_Part(*bounds, self._summaries[number]))
        return parts if tail is None else [*parts, _Part(*tail, None)]

    def _summary_of(self, part: _Part) -> Summary:
        return part.summary or summary_of(self.items(part.lower, part.upper))

    def _verify(self, parts: Sequence[_Part], items: Sequence[Item]) -> None:
        """Have the store look at a sum that does not fit the items, now that they were read.

        What was stored a moment ago makes a difference as well: then the sum is gone.
        """
        for lower, upper, summary in parts:
            end = len(items) if isinstance(upper, End) else bisect_left(items, upper)
            if summary in {None, summary_of(items[bisect_left(items, lower) : end])}:
                continue
            self._sums.verify(lower.seqno, MAX_SEQNO if isinstance(upper, End) else upper.seqno)
            self.touch(lower.seqno)

    def _refresh(self) -> None:
        """Sum up stale ranges again."""
        if not self._is_loaded:
            self._load()
        while self._touched:
            number = bisect_right(self._lowers, self._touched.popleft()) - 1
            self._summaries[number] = None
        stale = [number for number, one in enumerate(self._summaries) if one is None]
        for number in reversed(stale):
            self._replace(number)

    def _load(self) -> None:
        """Begin with the sums that are stored; what lies between them is stale."""
        self._touched.clear()
        # Before the store is read: what is stored meanwhile is marked, at worst in vain.
        self._is_loaded = True
        self._lowers, self._summaries = [], []
        place: int | None = 0
        for one in self._sums.sealed():
            if place is not None and one.lower > place:
                self._append(place, None)
            self._append(one.lower, Summary(one.items, one.total))
            place = one.upper
        if place is not None:
            self._append(place, None)

    def _append(self, lower: int, summary: Summary | None) -> None:
        self._lowers.append(lower)
        self._summaries.append(summary)

    def _replace(self, number: int) -> None:
        """Sum up a range again; one that has grown becomes several, an empty one none."""
        lower: int | None = self._lowers[number]
        end = self._upper_of(number)
        upper = None if isinstance(end, End) else end.seqno
        lowers: list[int] = []
        summaries: list[Summary | None] = []
        while lower is not None and lower != upper:
            found = self._sums.next(lower, upper)
            if found.items or not (number or lowers):
                lowers.append(lower)
                summaries.append(Summary(found.items, found.total))
            lower = found.upper
        self._lowers[number : number + 1] = lowers
        self._summaries[number : number + 1] = summaries

    def _lower_of(self, number: int) -> Bound:
        return Item(self._lowers[number], b"")

    def _upper_of(self, number: int) -> Upper:
        return self._lower_of(number + 1) if number + 1 < len(self._lowers) else END

    def _items(self, lower: Bound, upper: Upper) -> Iterator[Item]:
        """Yield the items of a range; the store does not order those of one sequence number."""
        last = None if isinstance(upper, End) else upper.seqno
        for seqno, group in itertools.groupby(self._read(lower.seqno, last), _SEQNO):
            inside = seqno not in {lower.seqno, last}
            for item in sorted(group):
                if inside or (lower <= item and (isinstance(upper, End) or item < upper)):
                    yield item
