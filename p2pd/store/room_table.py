"""The conversations and their copy in memory: records counted, membership of rooms.

``StoreFile`` owns one. Triggers keep the counts of the table right inside each
transaction; the copy is loaded at open and changed after each commit, so that
counting costs nothing.

A room that is not joined, has no stored message and is not one of the settings
leaves the table. One number remembers how far such rooms were dropped, for all
of them: a reader of such a room with an older cursor gets a gap. The number is the
highest of them all, so it may report a gap in a room that lost nothing below it; it
never hides one, and no message is removed by it.

The conversation with a peer has a record too: ``is_joined`` says that this side has
accepted it, ``sent_until`` how far its own messages were acknowledged. Like a room, it
leaves the table when it is neither accepted nor has messages.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from p2pd.domain.names import RoomName
from p2pd.domain.records import Conversation, Direct
from p2pd.store.connections import transaction
from p2pd.store.errors import DamagedError
from p2pd.store.room_store import RoomRecord
from p2pd.store.rows import NAME, conversation_from_name, key_names

MAX_INTEGER = (1 << 63) - 1
"""SQLite's largest."""

LOAD = f"""SELECT {NAME}, conversation, messages, records - messages, dropped_until,
    is_joined, floor_ns, joined_ns, sent_until, is_caught_up
    FROM conversations"""
LOAD_FROM_ROOMS = """SELECT name, room, messages, 0, dropped_until,
    is_joined, floor_ns, joined_ns, sent_until, is_caught_up FROM rooms"""
"""The same of a file of schema version 3."""
_UPSERT = """INSERT INTO conversations
    (room, peer, dropped_until, is_joined, floor_ns, joined_ns, sent_until, is_caught_up)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET
    is_joined = excluded.is_joined, floor_ns = excluded.floor_ns,
    joined_ns = excluded.joined_ns, sent_until = excluded.sent_until,
    is_caught_up = excluded.is_caught_up
    RETURNING conversation"""
_ADD = "INSERT INTO conversations (room, peer, dropped_until) VALUES (?, ?, ?)"
_REMOVE = "DELETE FROM conversations WHERE conversation = ?"
_LOAD_REMOVED = "SELECT value FROM meta WHERE name = 'removed_until'"
_SAVE_REMOVED = "INSERT OR REPLACE INTO meta VALUES ('removed_until', ?)"


@dataclass(slots=True)
class StoredRoom:
    """One room, or the conversation with a peer: its key in the file, what is stored of it.

    Attributes:
        dropped_until: The highest offset dropped.
        others: Records that are not messages: those of a later release, which stay.
    """

    key: int
    messages: int = 0
    others: int = 0
    dropped_until: int = 0
    record: RoomRecord | None = None


class RoomTable:
    """The conversations of a store file. One thread changes it, any thread reads.

    Args:
        base_offset: Everything at or below it, of any room, is gone.
        configured: Rooms of the settings: that they were left is never removed.

    Attributes:
        on_removed: Called with each room that has left the table.

    Raises:
        DamagedError: The table holds what cannot be a room.
    """

    def __init__(
        self, connection: sqlite3.Connection, base_offset: int, configured: frozenset[RoomName]
    ) -> None:
        self.on_removed: list[Callable[[Conversation], None]] = []
        self._connection = connection
        self._base_offset = base_offset
        self._configured = configured
        self._rooms: dict[Conversation, StoredRoom] = {}
        self._removed_until = 0
        """The highest offset dropped of rooms that are not in the table."""
        self.load()

    def load(self) -> None:
        """Read the table anew; rooms that cost nothing any more are removed from it.

        Raises:
            DamagedError: It holds what cannot be a room.
        """
        (removed,) = self._connection.execute(_LOAD_REMOVED).fetchone() or (0,)
        if not isinstance(removed, int):
            raise DamagedError("it does not know how far rooms were dropped")
        self._removed_until = max(self._base_offset, removed)
        self._rooms = dict(map(room_from_row, self._connection.execute(LOAD).fetchall()))
        self._remove_spent(self._rooms)

    @property
    def names(self) -> tuple[Conversation, ...]:
        """The conversations that have messages."""
        return tuple(name for name, room in list(self._rooms.items()) if room.messages)

    @property
    def total(self) -> int:
        """How many records are stored of all rooms."""
        return sum(room.messages + room.others for room in list(self._rooms.values()))

    @property
    def records(self) -> dict[RoomName, RoomRecord]:
        """The membership of each room that has been joined."""
        return {
            name: record
            for name, record in self.all_records.items()
            if not isinstance(name, Direct)
        }

    @property
    def all_records(self) -> dict[Conversation, RoomRecord]:
        """The record of each conversation that has one."""
        rooms = list(self._rooms.items())
        return {name: room.record for name, room in rooms if room.record is not None}

    def key(self, name: Conversation) -> int:
        """Return a room's key in the file, adding the room where it is new."""
        room = self._rooms.get(name)
        if room is None:
            row = (*key_names(name), self._removed_until)
            key = self._connection.execute(_ADD, row).lastrowid
            room = self._rooms[name] = StoredRoom(key or 0, dropped_until=self._removed_until)
        return room.key

    def count(self, name: Conversation) -> int:
        """Return how many messages of a room are stored."""
        room = self._rooms.get(name)
        return room.messages if room else 0

    def dropped_until(self, names: frozenset[Conversation]) -> int:
        """Return the highest offset dropped of these rooms; no rooms means all."""
        rooms = [self._rooms.get(name) for name in names] or [None, *list(self._rooms.values())]
        each = (room.dropped_until if room else self._removed_until for room in rooms)
        return max(self._base_offset, *each)

    def appended(self, names: Iterable[Conversation]) -> None:
        """Count messages of these rooms, one for each time a room is named."""
        for name, count in Counter(names).items():
            self._rooms[name].messages += count

    def dropping(self, name: Conversation, until: int) -> None:
        """Remember that a room's messages up to an offset are about to be removed.

        Before the commit: a reader that sees the hole must find it explained.
        """
        room = self._rooms[name]
        room.dropped_until = max(room.dropped_until, until)

    def dropped(self, name: Conversation, count: int) -> None:
        """Count messages of a room as removed."""
        self._rooms[name].messages -= count
        self._remove_spent([name])

    def save(self, records: Mapping[Conversation, RoomRecord]) -> None:
        """Commit records; those of rooms that cost nothing any more are removed."""
        stored = {
            name: record for name, record in records.items() if not self._is_spent(name, record)
        }
        spent = self._rooms.keys() & (records.keys() - stored.keys())
        with transaction(self._connection):
            keys = self.write(stored)
            self._remove(spent)
        for name, record in stored.items():
            known = self._rooms.setdefault(
                name, StoredRoom(keys[name], dropped_until=self._removed_until)
            )
            known.record = record
        self._drop_from_memory(spent)

    def write(self, records: Mapping[Conversation, RoomRecord]) -> dict[Conversation, int]:
        """Write records inside a transaction; return the keys of their rooms."""
        keys: dict[Conversation, int] = {}
        for name, record in records.items():
            row = (*key_names(name), self._removed_until, *_values_of(record))
            ((keys[name],),) = self._connection.execute(_UPSERT, row).fetchall()
        return keys

    def _remove_spent(self, names: Iterable[Conversation]) -> None:
        spent = [name for name in names if self._is_spent(name, self._rooms[name].record)]
        if spent:
            with transaction(self._connection):
                self._remove(spent)
            self._drop_from_memory(spent)

    def _is_spent(self, name: Conversation, record: RoomRecord | None) -> bool:
        """Return whether a room with this record has nothing to remember."""
        is_left = record is None or not record.is_joined
        room = self._rooms.get(name)
        is_empty = room is None or not (room.messages or room.others)
        return is_left and is_empty and (record is None or name not in self._configured)

    def _remove(self, names: Iterable[Conversation]) -> None:
        """Remove rooms from the table, inside a transaction."""
        until = self._removed_until
        for name in names:
            until = max(until, self._rooms[name].dropped_until)
            self._connection.execute(_REMOVE, (self._rooms[name].key,))
        if until > self._removed_until:
            self._connection.execute(_SAVE_REMOVED, (until,))
            # Before the rooms leave the copy: a hole must always find its explanation.
            self._removed_until = until

    def _drop_from_memory(self, names: Iterable[Conversation]) -> None:
        for name in names:
            del self._rooms[name]
            for call in self.on_removed:
                call(name)


def room_from_row(row: tuple[Any, ...]) -> tuple[Conversation, StoredRoom]:
    """Read a row of ``LOAD``.

    Raises:
        DamagedError: It cannot have been written by this program.
    """
    name, key, messages, others, dropped_until, *membership = row
    is_plain = membership == [None] * len(membership)
    numbers = (key, messages, others, dropped_until, *(() if is_plain else membership))
    if not isinstance(name, str) or not all(isinstance(one, int) for one in numbers):
        raise DamagedError("its table of rooms holds what is no room")
    room = StoredRoom(key, messages, others, dropped_until)
    if not is_plain:
        is_joined, floor_ns, joined_ns, sent_until, is_caught_up = membership
        room.record = RoomRecord(
            bool(is_joined), floor_ns, joined_ns, sent_until, bool(is_caught_up)
        )
    return conversation_from_name(name), room


def _values_of(record: RoomRecord) -> tuple[int, ...]:
    times = (record.floor_ns, record.joined_ns, record.sent_until)
    bounded = (max(0, min(time, MAX_INTEGER)) for time in times)
    return (record.is_joined, *bounded, record.is_caught_up)
