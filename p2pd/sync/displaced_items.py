"""Messages whose sequence number reads as a date long before they were received.

A peer with a wrong clock, or with random sequence numbers, sends them like any
other, yet by their numbers they lie far below what a member fetches of the past.
They are compared in sessions of their own, all of them. Asked in worker threads;
told in the trio thread of every message that is stored or removed.
"""

from __future__ import annotations

import threading
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from p2pd.domain.items import Bound, End, Item, Summary, Upper, summary_of
from p2pd.sync.item_pieces import split_items

MAX_REMOVED = 2_048
"""Items of a room that retention removed, the newest, until the node stops.

They are not fetched again. After a restart they are, from a peer that retains its
messages for longer; an operator is told so in ``docs/operating.md``.
"""


class DisplacedItems:
    """An ``ItemSet`` of one room's displaced messages; few, so it is in memory.

    Args:
        load: Finds them in the store, when they are first asked for.
    """

    def __init__(self, load: Callable[[], Iterable[Item]]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self._is_loading = False
        self._items: list[Item] = []
        self._added: deque[Item] = deque()
        self._removed: deque[Item] = deque()
        self._spent: deque[Item] = deque()

    def add(self, item: Item) -> None:
        """Add the item of a message that was stored; the store has it already."""
        if self._is_loading:
            self._added.append(item)

    def remove(self, item: Item) -> None:
        """Handle that retention removed a message: its item stays for a while."""
        self.add(item)
        self._removed.append(item)
        if len(self._removed) > MAX_REMOVED:
            self._spent.append(self._removed.popleft())

    def summary(self, lower: Bound, upper: Upper) -> Summary:
        """Summarise the items with ``lower <= item < upper``."""
        return summary_of(self.items(lower, upper))

    def items(self, lower: Bound, upper: Upper) -> Sequence[Item]:
        """Return the items with ``lower <= item < upper``, in order."""
        with self._lock:
            self._refresh()
            end = len(self._items) if isinstance(upper, End) else bisect_left(self._items, upper)
            return self._items[bisect_left(self._items, lower) : end]

    def split(self, lower: Bound, upper: Upper, parts: int) -> Sequence[tuple[Upper, Summary]]:
        """Cut a range into ranges of about equally many items."""
        return split_items(self.items(lower, upper), upper, parts)

    def _refresh(self) -> None:
        if not self._is_loading:
            # Before the store is read: what is stored meanwhile is added, at worst twice.
            self._is_loading = True
            self._items = sorted({*self._load(), *self._removed})
        for _ in range(len(self._added)):
            self._insert(self._added.popleft())
        for _ in range(len(self._spent)):
            self._delete(self._spent.popleft())

    def _insert(self, item: Item) -> None:
        if not self._has(item):
            insort(self._items, item)

    def _delete(self, item: Item) -> None:
        if self._has(item):
            del self._items[bisect_left(self._items, item)]

    def _has(self, item: Item) -> bool:
        at = bisect_left(self._items, item)
        return at < len(self._items) and self._items[at] == item
