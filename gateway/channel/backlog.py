"""The backlogs: pieces of the node's log before the channel, shared by all who replay them.

Filled by ``gateway.delivery.replay`` from calls at the node. Each call fills one piece,
forwards from the cursor of a browser that nothing holds, until it meets what another piece
or the channel holds. So whatever the cursors of many browsers are, a message is fetched once.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.channel.log import Channel, Entry

MAX_BACKLOGS = 16
MAX_JOINED_BYTES = 512 * 1024
"""Memory for stretches that several of its readers get; dropped with the last reader."""


class Backlog(Channel):
    """One piece, read like the channel.

    Attributes:
        is_growing: Whether a call at the node brings what comes next.
        reader_count: How many browsers read it.
    """

    max_joined_bytes = MAX_JOINED_BYTES
    is_growing = False
    reader_count = 0

    @property
    def is_idle(self) -> bool:
        """Whether it only waits for browsers that may come."""
        return not self.is_growing and not self.reader_count

    def add_reader(self) -> None:
        """Count a browser that reads it from now on."""
        self.reader_count += 1

    def remove_reader(self) -> None:
        """Count a browser that does so no longer."""
        self.reader_count -= 1
        if not self.reader_count:
            self.forget_joined()


class Backlogs:
    """All pieces; together with no more memory than ``max_bytes``.

    Where memory is needed, a piece that nobody reads goes first, then the oldest entries
    of the largest one. A browser whose entries were evicted is replayed to anew.
    """

    def __init__(self, channel: Channel, max_bytes: int) -> None:
        self._channel = channel
        self._max_bytes = max_bytes
        self._pieces: list[Backlog] = []

    @property
    def size_bytes(self) -> int:
        """Memory that all pieces take, roughly."""
        return sum(one.size_bytes for one in self._pieces)

    def has_room(self, size_bytes: int) -> bool:
        """Return whether so much could be added and nothing evicted that is in use."""
        in_use_bytes = sum(one.size_bytes for one in self._pieces if not one.is_idle)
        return in_use_bytes + size_bytes <= self._max_bytes

    def holder(self, cursor: str) -> Channel | None:
        """Return what a browser at this cursor goes on in, if anything holds it."""
        if self._channel.place_after(cursor) is not None:
            return self._channel
        for one in self._pieces:
            place = one.place_after(cursor)
            if place is not None and place < one.end:
                return one
        return None

    def open(self, cursor: str) -> Backlog:
        """Return the piece that goes on behind a cursor: one that ends there, or a new one."""
        for one in self._pieces:
            if one.cursor == cursor and not one.is_growing:
                return one
        while len(self._pieces) >= MAX_BACKLOGS:
            self._remove(self._least_used())
        backlog = Backlog(self._max_bytes, self._channel.join)
        backlog.start_after(cursor)
        self._pieces.append(backlog)
        return backlog

    def known_ahead(self, cursor: str) -> list[str]:
        """Return where the channel and the pieces begin, but for a piece at this cursor."""
        edges = (one.edge for one in (self._channel, *self._pieces))
        return [edge for edge in edges if edge and edge != cursor]

    def extend(self, backlog: Backlog, entries: Sequence[Entry]) -> bool:
        """Append entries up to the first one that is held elsewhere.

        Returns:
            Whether there was one: the piece is whole. So is one that was cleared.
        """
        if backlog not in self._pieces:
            return True
        new: list[Entry] = []
        is_met = False
        for entry in entries:
            new.append(entry)
            is_met = self.holder(entry.cursor) not in (None, backlog)
            if is_met:
                break
        backlog.append(new)
        self._evict()
        return is_met

    def clear(self) -> None:
        """Forget all pieces: their readers are replayed to anew."""
        for one in list(self._pieces):
            self._remove(one)

    def _evict(self) -> None:
        while self.size_bytes > self._max_bytes:
            idle = next((one for one in self._pieces if one.is_idle), None)
            largest = max(self._pieces, key=lambda one: one.size_bytes)
            if idle is not None:
                self._remove(idle)
            elif largest.end - largest.start > 1:
                largest.evict_oldest()
            else:
                return

    def _least_used(self) -> Backlog:
        candidates = (one for one in self._pieces if not one.is_growing)
        return min(candidates, key=lambda one: one.reader_count)

    def _remove(self, backlog: Backlog) -> None:
        """Forget a piece; its readers find it empty and are replayed to anew."""
        self._pieces.remove(backlog)
        backlog.clear()
