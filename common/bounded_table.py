"""A table that others can grow and that forgets only what is not worth remembering.

Used for what is counted per author, peer or caller: whoever can make up keys must
not be able to push out an entry that still counts against somebody.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

EXAMINED_AT_ONCE = 16
"""Entries looked at to make room for one, so that a full table stays cheap."""


class BoundedTable(Generic[K, V]):
    """Values by key, bounded in number, ordered by their last use.

    Of the entries used longest ago the first that may be evicted makes room; those
    that must stay are examined again when all others were. Where none of the
    entries examined may be evicted, the table is full and refuses the new key.

    Args:
        may_evict: Whether an entry says no more than a new one would.
    """

    def __init__(self, max_entries: int, may_evict: Callable[[V], bool]) -> None:
        self._max_entries = max_entries
        self._may_evict = may_evict
        self._entries: OrderedDict[K, V] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: object) -> bool:
        return key in self._entries

    def use(self, key: K) -> V | None:
        """Return the value of a key, which is now the one used last."""
        value = self._entries.get(key)
        if value is not None:
            self._entries.move_to_end(key)
        return value

    def add(self, key: K, value: V) -> bool:
        """Add a new key; False where every entry examined must stay."""
        if len(self._entries) >= self._max_entries and not self._evict_one():
            return False
        self._entries[key] = value
        return True

    def _evict_one(self) -> bool:
        for _ in range(min(EXAMINED_AT_ONCE, len(self._entries))):
            key, value = next(iter(self._entries.items()))
            if self._may_evict(value):
                del self._entries[key]
                return True
            self._entries.move_to_end(key)
        return False
