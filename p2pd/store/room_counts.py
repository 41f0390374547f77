"""How much of each room the store keeps, held in memory beside the table of rooms.

The table is kept right by triggers inside each transaction; this is its copy,
loaded at open and changed after each commit, so that counting costs nothing.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from p2pd.domain.names import RoomName

_LOAD = "SELECT name, room, messages, dropped_until FROM rooms"
_ADD = "INSERT INTO rooms (name) VALUES (?)"


@dataclass(slots=True)
class RoomKept:
    """One room: its key in the file, how many messages are kept, the highest offset dropped."""

    room: int
    messages: int = 0
    dropped_until: int = 0


class RoomsKept:
    """The rooms of a store file. One thread changes it, any thread looks.

    Args:
        base_offset: Everything at or below it, of any room, is gone.
    """

    def __init__(self, connection: sqlite3.Connection, base_offset: int) -> None:
        self._connection = connection
        self._base_offset = base_offset
        self._rooms = {
            RoomName(name): RoomKept(*numbers)
            for name, *numbers in connection.execute(_LOAD).fetchall()
        }

    @property
    def names(self) -> tuple[RoomName, ...]:
        """The rooms that have messages."""
        return tuple(name for name, room in list(self._rooms.items()) if room.messages)

    @property
    def total(self) -> int:
        """How many messages are kept of all rooms."""
        return sum(room.messages for room in self._rooms.values())

    def key(self, name: RoomName) -> int:
        """Return a room's key in the file, adding the room where it is new."""
        room = self._rooms.get(name)
        if room is None:
            added = self._connection.execute(_ADD, (name,)).lastrowid
            room = self._rooms[name] = RoomKept(added or 0)
        return room.room

    def count(self, name: RoomName) -> int:
        """Return how many messages of a room are kept."""
        room = self._rooms.get(name)
        return room.messages if room else 0

    def dropped_until(self, names: frozenset[RoomName]) -> int:
        """Return the highest offset dropped of these rooms; no rooms means all."""
        rooms = list(self._rooms.values())
        if names:
            rooms = [room for name in names if (room := self._rooms.get(name))]
        return max(self._base_offset, *(room.dropped_until for room in rooms), 0)

    def appended(self, names: Iterable[RoomName]) -> None:
        """Note messages of these rooms, one for each time a room is named."""
        for name, count in Counter(names).items():
            self._rooms[name].messages += count

    def dropping(self, name: RoomName, until: int) -> None:
        """Note that a room's messages up to an offset are about to go.

        Before the commit: a reader that sees the hole must find it explained.
        """
        room = self._rooms[name]
        room.dropped_until = max(room.dropped_until, until)

    def dropped(self, name: RoomName, count: int) -> None:
        """Note that messages of a room are gone."""
        self._rooms[name].messages -= count
