"""A message store in memory: bounded, and empty again after a restart."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence

from p2pd.domain.cursors import new_epoch
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, RoomName
from p2pd.log.store import Stored, StoredPage
from p2pd.log.window import Window

MESSAGE_OVERHEAD_BYTES = 600
"""What one message costs beside its content and its signed bytes, roughly."""


class MemoryStore:
    """The newest messages of all rooms; the oldest go when a bound is reached.

    Args:
        max_messages: Messages kept at most, over all rooms.
        max_bytes: Memory they may take, roughly.
    """

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.epoch = new_epoch()
        self._window: Window[Stored] = Window(max_messages, max_bytes, first=1)
        self._offsets: dict[MessageId, int] = {}
        self._rooms: dict[RoomName, list[int]] = {}

    @property
    def first_offset(self) -> int:
        """Offset of the oldest message kept."""
        return self._window.start

    @property
    def last_offset(self) -> int:
        """Offset of the newest message."""
        return self._window.end - 1

    def append(self, messages: Sequence[Message]) -> None:
        """Keep messages at the next offsets."""
        for message in messages:
            stored = Stored(self._window.end, message)
            self._offsets[message.message_id] = stored.offset
            self._rooms.setdefault(message.room, []).append(stored.offset)
            self._forget(self._window.append(stored, _size_bytes(message)))

    def offset_of(self, message_id: MessageId) -> int | None:
        """Return where a kept message is, or None."""
        return self._offsets.get(message_id)

    def read(self, after: int, until: int, max_bytes: int) -> tuple[Stored, ...]:
        """Return messages with ``after < offset <= until``."""
        batch: list[Stored] = []
        size_bytes = 0
        for offset, stored in self._window.iterate(after + 1):
            size_bytes += len(stored.message.data)
            if offset > until or (batch and size_bytes > max_bytes):
                break
            batch.append(stored)
        return tuple(batch)

    def page_before(self, room: RoomName, before: int, limit: int) -> StoredPage:
        """Return the newest ``limit`` messages of a room below an offset."""
        offsets = self._rooms.get(room, [])
        end = bisect_left(offsets, before)
        start = max(0, end - limit)
        return StoredPage(self._at(offsets[start:end]), start > 0)

    def page_after(self, room: RoomName, after: int, limit: int) -> StoredPage:
        """Return the oldest ``limit`` messages of a room above an offset."""
        offsets = self._rooms.get(room, [])
        start = bisect_right(offsets, after)
        end = min(len(offsets), start + limit)
        return StoredPage(self._at(offsets[start:end]), end < len(offsets))

    def count(self, room: RoomName) -> int:
        """Return how many messages of a room are kept."""
        return len(self._rooms.get(room, ()))

    def _at(self, offsets: Iterable[int]) -> tuple[Stored, ...]:
        return tuple(
            stored for offset in offsets for stored in self._window.slice(offset, offset + 1)[1]
        )

    def _forget(self, dropped: Sequence[Stored]) -> None:
        if not dropped:
            return
        for stored in dropped:
            del self._offsets[stored.message.message_id]
        for room in {stored.message.room for stored in dropped}:
            offsets = self._rooms[room]
            kept = offsets[bisect_left(offsets, self.first_offset) :]
            if kept:
                self._rooms[room] = kept
            else:
                del self._rooms[room]


def _size_bytes(message: Message) -> int:
    return len(message.data) + len(message.signed_bytes) + MESSAGE_OVERHEAD_BYTES
