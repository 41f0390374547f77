"""Sums over ranges of a room's items, kept beside the messages for synchronisation.

``StoreFile`` owns one. A range is sealed, that is, its sum is stored, once enough items
lie behind the last sealed one, in the transaction that appends. Triggers of the schema
remove a sum in the transaction that changes what it covers; whoever needs it then has
the range read again and sealed anew. Sealing reads the rows in the transaction that
writes their sum, so the two cannot differ.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Mapping, Sequence

import structlog

from p2pd.domain.names import RoomName
from p2pd.store import range_rows
from p2pd.store.connections import Readers, transaction
from p2pd.store.message_store import RangeSum
from p2pd.store.range_rows import RANGE_ITEMS

DUE_ITEMS = 2 * RANGE_ITEMS
"""Behind the last sealed range, when the next is sealed."""
MAX_ROOMS = 4_096
"""Rooms whose items behind the last sealed range are counted; of others they are looked up."""

log_line = structlog.get_logger(__name__)


class ItemRanges:
    """The sums of one store file.

    Args:
        writing: Held by whoever writes with ``writer``.
    """

    def __init__(
        self, writer: sqlite3.Connection, readers: Readers, writing: threading.Lock
    ) -> None:
        self._writer = writer
        self._readers = readers
        self._writing = writing
        self._unsealed: dict[int, int] = {}

    def due(self, added: Mapping[int, int]) -> list[int]:
        """Return the keys of rooms in which a range is to be sealed with these appends."""
        return [
            key
            for key, count in added.items()
            if self._unsealed.get(key, DUE_ITEMS) + count >= DUE_ITEMS
        ]

    def seal(self, due: Sequence[int], added: Mapping[int, int]) -> Mapping[int, int]:
        """Seal what lies behind the last sealed range; inside the appends' transaction.

        Returns:
            How many items are left behind it by the room's key, for ``appended``.
        """
        return {key: range_rows.seal_last(self._writer, key, added[key]) for key in due}

    def appended(self, added: Mapping[int, int], left: Mapping[int, int]) -> None:
        """Count what was appended and committed, and what sealing has left of it."""
        if len(self._unsealed) > MAX_ROOMS:
            self._unsealed.clear()
        for key, count in added.items():
            if key in self._unsealed:
                self._unsealed[key] += count
        self._unsealed.update(left)

    def sealed(self, room: RoomName) -> Sequence[RangeSum]:
        """Return the stored sums of a room; see ``MessageStore``."""
        with self._readers.connection() as reader:
            key = range_rows.key_of(reader, room)
            found = [] if key is None else range_rows.sealed_ranges(reader, key)
        if key is not None and found and self._remove_excess(key):
            log_line.error("sums of a room counted more than it has", room=room)
            return ()
        return found

    def sum_range(self, room: RoomName, lower: int, upper: int | None) -> RangeSum:
        """Sum up the next items of a room, and store the sum of enough of them."""
        with self._readers.connection() as reader:
            key = range_rows.key_of(reader, room)
            if key is None:
                return RangeSum(lower, upper, 0, 0)
            found, can_seal = range_rows.next_range(reader, key, lower, upper)
        if not can_seal:
            return found
        with self._writing, transaction(self._writer):
            return range_rows.seal_range(self._writer, key, lower, upper)

    def verify(self, room: RoomName, lower: int, upper: int) -> bool:
        """Remove the sums over a part of a range that are wrong; see ``MessageStore``."""
        with self._writing, transaction(self._writer):
            key = range_rows.key_of(self._writer, room)
            wrong = [] if key is None else range_rows.remove_wrong(self._writer, key, lower, upper)
        for one in wrong:
            log_line.error("sum of a range was wrong", room=room, items=one.items)
        return not wrong

    def _remove_excess(self, key: int) -> bool:
        with self._readers.connection() as reader:
            if not range_rows.counts_excess(reader, key):
                return False
        with self._writing, transaction(self._writer):
            return range_rows.remove_excess(self._writer, key)
