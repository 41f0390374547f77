"""A room's items for reconciliation, summarised in chunks so that little is read.

The store keeps the items in order; this keeps the summary of each run of some
thousand of them. What is appended or dropped marks its chunk as stale, and the
next reconciliation reads just that chunk again. Marked in the trio thread without
waiting, used in worker threads, one at a time.
"""

from __future__ import annotations

import itertools
import threading
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

from p2pd.domain.items import LOWEST, Bound, End, Item, Summary, Upper, summary_of

CHUNK_ITEMS = 2048
FEW_CHUNKS = 4
"""A range over so few is split by its items, a longer one by chunks."""

_SEQNO = attrgetter("seqno")

ReadItems = Callable[[int, int | None], Iterator[Item]]
"""Items with ``first <= seqno``, and ``seqno <= last`` unless it is None, in order."""


@dataclass(slots=True)
class _Chunk:
    """The items from ``lower`` up to the next chunk's; a summary of None is stale."""

    lower: Bound
    summary: Summary | None


class ItemIndex:
    """An ``ItemSet`` over one room of the store.

    Args:
        read: Reads the room's items from the store.
    """

    def __init__(self, read: ReadItems) -> None:
        self._read = read
        self._chunks = [_Chunk(LOWEST, None)]
        self._touched: deque[int] = deque()
        self._lock = threading.Lock()

    def touch(self, seqno: int) -> None:
        """Note that an item with this sequence number came or went; from any thread."""
        self._touched.append(seqno)

    def summary(self, lower: Bound, upper: Upper) -> Summary:
        """Summarise the items with ``lower <= item < upper``."""
        with self._lock:
            self._refresh()
            return _sum(
                whole or summary_of(self._cut(part_lower, part_upper))
                for part_lower, part_upper, whole in self._parts(lower, upper)
            )

    def items(self, lower: Bound, upper: Upper) -> Sequence[Item]:
        """Return the items with ``lower <= item < upper``, in order."""
        return self._cut(lower, upper)

    def split(self, lower: Bound, upper: Upper, parts: int) -> Sequence[tuple[Upper, Summary]]:
        """Cut a range into ranges of about equally many items."""
        with self._lock:
            self._refresh()
            stretches = list(self._parts(lower, upper))
        if len(stretches) <= FEW_CHUNKS:
            return self._split_items(lower, upper, parts)
        size = -(-len(stretches) // parts)
        groups = [stretches[at : at + size] for at in range(0, len(stretches), size)]
        return [
            (group[-1][1], _sum(part[2] or summary_of(self._cut(*part[:2])) for part in group))
            for group in groups
        ]

    def _split_items(
        self, lower: Bound, upper: Upper, parts: int
    ) -> Sequence[tuple[Upper, Summary]]:
        items = self._cut(lower, upper)
        if not items:
            return [(upper, Summary())]
        size = -(-len(items) // parts)
        pieces = [items[at : at + size] for at in range(0, len(items), size)]
        uppers: list[Upper] = [
            _bound_before(before[-1], after[0]) for before, after in _pairs(pieces)
        ]
        return [
            (bound, summary_of(piece))
            for bound, piece in zip([*uppers, upper], pieces, strict=True)
        ]

    def _parts(self, lower: Bound, upper: Upper) -> Iterator[tuple[Bound, Upper, Summary | None]]:
        """Yield the pieces of a range by chunk, with the summary where it is a whole one."""
        first = bisect_right(self._chunks, lower, key=lambda chunk: chunk.lower) - 1
        for number in range(first, len(self._chunks)):
            chunk = self._chunks[number]
            if not isinstance(upper, End) and chunk.lower >= upper:
                return
            end = self._upper_of(number)
            begins = lower <= chunk.lower
            ends = isinstance(upper, End) or (not isinstance(end, End) and end <= upper)
            part_lower, part_upper = max(lower, chunk.lower), end if ends else upper
            yield part_lower, part_upper, chunk.summary if begins and ends else None

    def _refresh(self) -> None:
        """Read stale chunks again; one that has grown too long becomes several."""
        self._mark_touched()
        stale = [number for number, chunk in enumerate(self._chunks) if chunk.summary is None]
        for number in reversed(stale):
            self._chunks[number : number + 1] = self._read_chunks(number)
        self._drop_empty()

    def _read_chunks(self, number: int) -> list[_Chunk]:
        """Read a chunk again, a new chunk's worth of items at a time: a room may be large."""
        lower, chunks = self._chunks[number].lower, []
        items = self._items(lower, self._upper_of(number))
        last: Item | None = None
        while piece := list(itertools.islice(items, CHUNK_ITEMS)):
            lower = lower if last is None else _bound_before(last, piece[0])
            chunks.append(_Chunk(lower, summary_of(piece)))
            last = piece[-1]
        return chunks or [_Chunk(lower, Summary())]

    def _mark_touched(self) -> None:
        for seqno in {self._touched.popleft() for _ in range(len(self._touched))}:
            bound = Item(seqno, b"")
            first = bisect_right(self._chunks, bound, key=lambda chunk: chunk.lower) - 1
            self._chunks[first].summary = None
            after = first + 1
            while after < len(self._chunks) and self._chunks[after].lower.seqno == seqno:
                self._chunks[after].summary = None
                after += 1

    def _drop_empty(self) -> None:
        """Join chunks that have become empty to the one before."""
        self._chunks[1:] = [
            chunk for chunk in self._chunks[1:] if chunk.summary is None or chunk.summary.count
        ]

    def _upper_of(self, number: int) -> Upper:
        return self._chunks[number + 1].lower if number + 1 < len(self._chunks) else End()

    def _cut(self, lower: Bound, upper: Upper) -> list[Item]:
        return list(self._items(lower, upper))

    def _items(self, lower: Bound, upper: Upper) -> Iterator[Item]:
        """Yield the items of a range; the store does not order those of one sequence number."""
        last = None if isinstance(upper, End) else upper.seqno
        for seqno, group in itertools.groupby(self._read(lower.seqno, last), _SEQNO):
            inside = seqno not in {lower.seqno, last}
            for item in sorted(group):
                if inside or (lower <= item and (isinstance(upper, End) or item < upper)):
                    yield item


def _bound_before(before: Item, after: Item) -> Bound:
    """Return the shortest bound above one item and not above the next."""
    if before.seqno != after.seqno:
        return Item(after.seqno, b"")
    for length in range(1, len(after.digest)):
        if after.digest[:length] > before.digest:
            return Item(after.seqno, after.digest[:length])
    return after


def _pairs(pieces: list[list[Item]]) -> Iterator[tuple[list[Item], list[Item]]]:
    yield from itertools.pairwise(pieces)


def _sum(summaries: Iterator[Summary]) -> Summary:
    total = Summary()
    for summary in summaries:
        total += summary
    return total
