"""A room's items together with some of messages that are not stored any more.

Synchronisation takes no message older than what is stored. A sequence number that is no
clock of the past does not give the age of its message: once removed, such a message would
come back from a peer that stores it still. Its item stays, as if the message were stored.
Changed in the trio thread, asked in worker threads.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Sequence

from p2pd.domain.items import Bound, End, Item, Summary, Upper, summary_of
from p2pd.sync.item_pieces import split_items
from p2pd.sync.reconciliation import ItemSet

MAX_REMOVED = 2_048
"""Of a room, the newest."""
FEW_ITEMS = 1_024
"""A range of so few is split by its items."""


class RemovedItems:
    """The items of one room's removed messages, the newest ``MAX_REMOVED``."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque(maxlen=MAX_REMOVED)

    def add(self, item: Item) -> None:
        """Add an item; the oldest makes room for it."""
        if item not in self._items:
            self._items.append(item)

    def discard(self, item: Item) -> None:
        """Remove an item whose message is stored again."""
        if item in self._items:
            self._items.remove(item)

    def between(self, lower: Bound, upper: Upper) -> list[Item]:
        """Return the items with ``lower <= item < upper``, in order."""
        return sorted(
            item
            for item in self._items.copy()
            if lower <= item and (isinstance(upper, End) or item < upper)
        )


class WithRemoved:
    """An ``ItemSet`` of what is stored and what was removed."""

    def __init__(self, stored: ItemSet, removed: RemovedItems) -> None:
        self._stored = stored
        self._removed = removed

    def summary(self, lower: Bound, upper: Upper) -> Summary:
        """Summarise the items with ``lower <= item < upper``."""
        return self._stored.summary(lower, upper) + summary_of(self._removed.between(lower, upper))

    def items(self, lower: Bound, upper: Upper) -> Sequence[Item]:
        """Return the items with ``lower <= item < upper``, in order."""
        stored = self._stored.items(lower, upper)
        removed = self._removed.between(lower, upper)
        return sorted({*stored, *removed}) if removed else stored

    def split(self, lower: Bound, upper: Upper, parts: int) -> Sequence[tuple[Upper, Summary]]:
        """Cut a range into ranges of about equally many items."""
        removed = self._removed.between(lower, upper)
        if not removed:
            return self._stored.split(lower, upper, parts)
        if self._stored.summary(lower, upper).count <= FEW_ITEMS:
            return split_items(self.items(lower, upper), upper, parts)
        pieces: list[tuple[Upper, Summary]] = []
        begin = 0
        for bound, summary in self._stored.split(lower, upper, parts):
            end = len(removed) if isinstance(bound, End) else bisect_left(removed, bound)
            pieces.append((bound, summary + summary_of(removed[begin:end])))
            begin = end
        return pieces
