"""The read markers of a store file, and their copy in memory.

``StoreFile`` owns one. A trigger removes the markers of a conversation that leaves the
file. Markers are of offsets in this file: a successor begins without any.
"""

from __future__ import annotations

import sqlite3
from collections import OrderedDict
from typing import TypeVar

from p2pd.domain.conversations import ReaderName
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.records import Conversation, Direct
from p2pd.store.connections import transaction
from p2pd.store.errors import DamagedError
from p2pd.store.read_state_store import MAX_MARKERS, MAX_READERS, Markers
from p2pd.store.rows import key_names

_LOAD = """SELECT reader, room, peer, until, change
    FROM read_markers JOIN conversations USING (conversation) ORDER BY change"""
_CLAMP = "UPDATE read_markers SET until = ? WHERE until > ?"
_KEY = "SELECT conversation FROM conversations WHERE room IS ? AND peer IS ?"
_SAVE = "INSERT OR REPLACE INTO read_markers VALUES (?, ?, ?, ?)"
_REMOVE = "DELETE FROM read_markers WHERE reader = ? AND conversation = ?"
_REMOVE_READER = "DELETE FROM read_markers WHERE reader = ?"

K = TypeVar("K")
V = TypeVar("V")


class ReadMarkerTable:
    """One thread changes it, any thread reads.

    Attributes:
        evicted_readers: Readers evicted since the file was opened.

    Args:
        last_offset: Of the newest record; no marker lies behind it.

    Raises:
        DamagedError: The table holds what cannot be a marker.
    """

    def __init__(self, connection: sqlite3.Connection, last_offset: int) -> None:
        self.evicted_readers = 0
        self._connection = connection
        self._readers: OrderedDict[ReaderName, OrderedDict[Conversation, int]] = OrderedDict()
        """Both in order of the last change."""
        self._last_change = 0
        connection.execute(_CLAMP, (last_offset, last_offset))
        for row in connection.execute(_LOAD).fetchall():
            self._load(*row)

    def of(self, reader: ReaderName) -> Markers:
        """Return the markers of a reader."""
        return self._readers.get(reader, {})

    def save(self, reader: ReaderName, conversation: Conversation, until: int) -> None:
        """Commit a marker, and evict the oldest where there are too many."""
        key = self.key(conversation)
        if key is None:
            return
        markers = self._readers.get(reader) or OrderedDict()
        dropped = _oldest_beyond(markers, conversation, MAX_MARKERS)
        evicted = _oldest_beyond(self._readers, reader, MAX_READERS)
        with transaction(self._connection):
            if dropped is not None:
                self._connection.execute(_REMOVE, (reader, self.key(dropped)))
            if evicted is not None:
                self._connection.execute(_REMOVE_READER, (evicted,))
            self._connection.execute(_SAVE, (reader, key, until, self._last_change + 1))
        if dropped is not None:
            del markers[dropped]
        if evicted is not None:
            del self._readers[evicted]
            self.evicted_readers += 1
        self._last_change += 1
        self._put(reader, conversation, until)

    def removed(self, conversation: Conversation) -> None:
        """Handle that a conversation has left the file, and its markers with it."""
        for markers in self._readers.values():
            markers.pop(conversation, None)

    def key(self, conversation: Conversation) -> int | None:
        """Return a conversation's key in the file; None where it is not in it."""
        row = self._connection.execute(_KEY, key_names(conversation)).fetchone()
        return None if row is None else int(row[0])

    def _load(
        self, reader: object, room: object, peer: object, until: object, change: object
    ) -> None:
        is_room = isinstance(room, str)
        name = room if is_room else peer
        is_marker = isinstance(reader, str) and isinstance(until, int) and isinstance(change, int)
        if not isinstance(name, str) or not is_marker:
            raise DamagedError("its table of read markers holds what is none")
        conversation = RoomName(name) if is_room else Direct(PeerId(name))
        self._put(ReaderName(str(reader)), conversation, int(str(until)))
        self._last_change = int(str(change))

    def _put(self, reader: ReaderName, conversation: Conversation, until: int) -> None:
        markers = self._readers.setdefault(reader, OrderedDict())
        markers[conversation] = until
        markers.move_to_end(conversation)
        self._readers.move_to_end(reader)


def _oldest_beyond(table: OrderedDict[K, V], added: K, max_count: int) -> K | None:
    """Return what is to go where one more would be too many; None where nothing is."""
    if added in table or len(table) < max_count:
        return None
    return next(iter(table))
