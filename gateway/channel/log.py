"""The channel: one log of ready events that every browser reads from a place of its own.

Written by ``gateway.delivery.fanout`` from the one upstream stream. A place is a number:
the place of a reader is that of the next entry that it has not been sent. Nothing is
queued per browser, so a slow browser costs the others nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from gateway.channel.events import UNKNOWN_KIND, NodeEvent, payload_from_fields

ENTRY_OVERHEAD_BYTES = 300
"""What an entry costs in memory beside its payload, roughly."""
MAX_JOINED = 64
"""Joined stretches stored between two appends; more browsers than this at places
of their own are rare, and each then joins for itself."""
MAX_JOINED_BYTES = 2 * 1024 * 1024
"""Memory that these stretches may take."""

ALIGNED_ENTRIES = 64
"""Stretches end at multiples of it, so that readers from many places soon share them."""

Join = Callable[[Sequence[bytes]], bytes]
"""Makes one write of some payloads; the transport decides how."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One event as JSON.

    Attributes:
        cursor: The cursor of a reader that has this entry.
        room: None concerns every reader.
        payload: The JSON object; empty only moves readers to the cursor.
    """

    cursor: str
    room: str | None
    payload: bytes

    @property
    def size_bytes(self) -> int:
        """Memory it takes, roughly."""
        return len(self.payload) + ENTRY_OVERHEAD_BYTES

    def is_in(self, rooms: frozenset[str]) -> bool:
        """Return whether a reader of these rooms gets it; no rooms means all."""
        return not rooms or self.room is None or self.room in rooms


@dataclass(frozen=True, slots=True)
class Stretch:
    """Some consecutive entries as one write.

    Attributes:
        end: The place behind them.
        cursor: That of the last one, whether a reader of the rooms gets it or not.
        wire: The payloads that the reader gets, joined; may be empty.
        count: How many payloads these are.
    """

    end: int
    cursor: str
    wire: bytes
    count: int


class Channel:
    """The newest entries, bounded by memory; the oldest are evicted first.

    Args:
        max_bytes: Memory the entries may take; the newest entry always stays.
        join: Makes one write of some payloads.
    """

    max_joined_bytes = MAX_JOINED_BYTES

    def __init__(self, max_bytes: int, join: Join) -> None:
        self.join = join
        self._max_bytes = max_bytes
        self._bytes = 0
        self._is_started = False
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
        """Place of the oldest entry."""
        return self._start

    @property
    def end(self) -> int:
        """Place of the next entry to be appended."""
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
    def edge(self) -> str:
        """The cursor of what came right before the oldest entry."""
        return self._edge

    @property
    def is_started(self) -> bool:
        """Whether it is known where the log begins."""
        return self._is_started

    def start_after(self, cursor: str) -> None:
        """Name the cursor right before the first entry; only while there is none."""
        self._is_started = True
        self._cursor = self._edge = cursor
        self._places[cursor] = self._start

    def append(self, entries: Iterable[Entry]) -> None:
        """Append entries and evict the oldest over the bound."""
        for entry in entries:
            self._entries[self._end] = entry
            self._end += 1
            self._cursor = entry.cursor
            self._bytes += entry.size_bytes
            if entry.cursor:
                self._places.setdefault(entry.cursor, self._end)
        while self._bytes > self._max_bytes and self._end - self._start > 1:
            self.evict_oldest()
        self.forget_joined()

    def place_after(self, cursor: str) -> int | None:
        """Return the place right behind the first entry with this cursor.

        Events about peers share the cursor of the message before them, so the first
        is the message itself, and what shares its cursor follows.
        """
        return self._places.get(cursor)

    def read(self, place: int, rooms: frozenset[str], max_bytes: int) -> Stretch | None:
        """Join the entries from ``place`` on, about ``max_bytes`` of them.

        Returns:
            None where ``place`` lies before the oldest entry.
        """
        if place < self._start:
            return None
        key = (place, rooms, max_bytes)
        stretch = self._joined.get(key)
        if stretch is None:
            stretch = self._join_from(place, rooms, max_bytes)
            if len(self._joined) < MAX_JOINED and self._joined_bytes < self.max_joined_bytes:
                self._joined[key] = stretch
                self._joined_bytes += len(stretch.wire)
        return stretch

    def _join_from(self, place: int, rooms: frozenset[str], max_bytes: int) -> Stretch:
        payloads: list[bytes] = []
        size_bytes = 0
        cursor = self._cursor
        begin = place
        while place < self._end and size_bytes < max_bytes:
            if place - begin >= ALIGNED_ENTRIES and place % ALIGNED_ENTRIES == 0:
                break
            entry = self._entries[place]
            place += 1
            cursor = entry.cursor
            if entry.payload and entry.is_in(rooms):
                payloads.append(entry.payload)
                size_bytes += len(entry.payload)
        wire = self.join(payloads) if payloads else b""
        return Stretch(place, cursor, wire, len(payloads))

    def clear(self) -> None:
        """Evict every entry: readers that lag behind, or return, are replayed to."""
        while self._start < self._end:
            self.evict_oldest()
        self.forget_joined()

    def forget_joined(self) -> None:
        """Drop the stretches stored for readers at the same place."""
        self._joined.clear()
        self._joined_bytes = 0

    def evict_oldest(self) -> None:
        """Evict one entry; a reader that has it can still go on at the new start."""
        entry = self._entries.pop(self._start)
        self._start += 1
        self._bytes -= entry.size_bytes
        if entry.cursor != self._edge:
            self._places.pop(self._edge, None)
            self._edge = entry.cursor
        if entry.cursor:
            self._places[entry.cursor] = self._start


def entry_from_event(event: NodeEvent) -> Entry:
    """Encode an event once for all its readers."""
    is_known = event.fields["type"] != UNKNOWN_KIND
    payload = payload_from_fields(event.fields) if is_known else b""
    return Entry(event.cursor, event.room, payload)
