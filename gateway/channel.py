"""The channel: one log of ready frames that every browser reads from a place of its own.

Pure. Written by ``gateway.fanout`` from the one upstream stream, and backwards from
what catch-ups bring. A place is a number: the place of a browser is that of the
next entry it has not been sent. Nothing is queued a browser, so nobody slow costs
anybody else anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

ENTRY_OVERHEAD_BYTES = 300
"""What an entry costs in memory beside its bytes, roughly."""
MAX_JOINED = 64
"""Joined stretches stored between two appends; more browsers than this at places
of their own are rare, and each then joins for itself."""
MAX_JOINED_BYTES = 2 * 1024 * 1024
"""Memory that these stretches may take."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One frame.

    Attributes:
        cursor: Where one who has this entry goes on.
        room: None concerns everybody.
        wire: The frame as it goes to the socket.
    """

    cursor: str
    room: str | None
    wire: bytes

    @property
    def size_bytes(self) -> int:
        """Memory it takes, roughly."""
        return len(self.wire) + ENTRY_OVERHEAD_BYTES

    def is_in(self, rooms: frozenset[str]) -> bool:
        """Tell whether one who asked for these rooms wants it; no rooms means all."""
        return not rooms or self.room is None or self.room in rooms


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some consecutive entries as one write.

    Attributes:
        end: The place behind them.
        cursor: That of the last one, whether it was wanted or not.
        wire: The wanted frames, joined; may be empty.
        frames: How many frames that is.
    """

    end: int
    cursor: str
    wire: bytes
    frames: int


class Channel:
    """The newest entries, bounded by memory; the oldest go first.

    Args:
        max_bytes: Memory the entries may take; the newest entry always stays.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._start = 0
        self._end = 0
        self._cursor = ""
        self._edge = ""
        """Cursor of what came right before the oldest entry."""
        self._entries: dict[int, Entry] = {}
        self._places: dict[str, int] = {}
        self._joined: dict[tuple[int, frozenset[str], int], Stretch] = {}
        self._joined_bytes = 0

    @property
    def start(self) -> int:
        """Place of the oldest entry kept."""
        return self._start

    @property
    def end(self) -> int:
        """Place that the next entry gets."""
        return self._end

    @property
    def cursor(self) -> str:
        """The cursor of the newest entry; empty before there was one."""
        return self._cursor

    @property
    def size_bytes(self) -> int:
        """Memory taken, roughly."""
        return self._bytes

    @property
    def room_bytes(self) -> int:
        """Memory that may still be taken before the oldest entry is dropped."""
        return self._max_bytes - self._bytes

    def begin(self, cursor: str) -> None:
        """Name the cursor right before the first entry; only while there is none."""
        self._cursor = self._edge = cursor
        self._places[cursor] = self._start

    def append(self, entries: Iterable[Entry]) -> None:
        """Add entries at the end and drop the oldest over the bound."""
        for entry in entries:
            self._entries[self._end] = entry
            self._end += 1
            self._cursor = entry.cursor
            self._bytes += entry.size_bytes
            if entry.cursor:
                self._places.setdefault(entry.cursor, self._end)
        while self._bytes > self._max_bytes and self._end - self._start > 1:
            self._drop_oldest()
        self._joined.clear()
        self._joined_bytes = 0

    def prepend(self, after: str, entries: Sequence[Entry]) -> bool:
        """Put what led up to the oldest entry before it.

        Args:
            after: Where one goes on to whom ``entries`` are next.
            entries: Messages without a hole between them.

        Returns:
            Whether that was done: they end where the channel begins, and there is room.
        """
        fits = sum(entry.size_bytes for entry in entries) <= self.room_bytes
        if not entries or entries[-1].cursor != self._edge or not fits:
            return False
        for entry in reversed(entries):
            self._places[entry.cursor] = self._start
            self._start -= 1
            self._entries[self._start] = entry
            self._bytes += entry.size_bytes
        self._edge = after
        self._places[after] = self._start
        return True

    def place_after(self, cursor: str) -> int | None:
        """Return the place right behind the first entry with this cursor.

        Comings and goings of peers share the cursor of the message before them,
        so the first is the message itself, and what shares its cursor follows.
        """
        return self._places.get(cursor)

    def read(self, place: int, rooms: frozenset[str], max_bytes: int) -> Stretch | None:
        """Join the entries from ``place`` on, about ``max_bytes`` of them.

        Returns:
            None where ``place`` lies before what is kept.
        """
        if place < self._start:
            return None
        key = (place, rooms, max_bytes)
        stretch = self._joined.get(key)
        if stretch is None:
            stretch = self._join(place, rooms, max_bytes)
            if len(self._joined) < MAX_JOINED and self._joined_bytes < MAX_JOINED_BYTES:
                self._joined[key] = stretch
                self._joined_bytes += len(stretch.wire)
        return stretch

    def _join(self, place: int, rooms: frozenset[str], max_bytes: int) -> Stretch:
        wires: list[bytes] = []
        size_bytes = 0
        cursor = self._cursor
        while place < self._end and size_bytes < max_bytes:
            entry = self._entries[place]
            place += 1
            cursor = entry.cursor
            if entry.is_in(rooms):
                wires.append(entry.wire)
                size_bytes += len(entry.wire)
        wire = wires[0] if len(wires) == 1 else b"".join(wires)
        return Stretch(place, cursor, wire, len(wires))

    def _drop_oldest(self) -> None:
        """Drop one entry; whoever has it can still go on at the new start."""
        entry = self._entries.pop(self._start)
        self._start += 1
        self._bytes -= entry.size_bytes
        if entry.cursor != self._edge:
            self._places.pop(self._edge, None)
            self._edge = entry.cursor
        if entry.cursor:
            self._places[entry.cursor] = self._start
