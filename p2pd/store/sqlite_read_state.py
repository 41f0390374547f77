"""Read markers and offsets of messages in the store on disk. Made by ``SqliteStore``."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple, Protocol

from p2pd.domain.conversations import ReaderName
from p2pd.domain.names import PeerId
from p2pd.domain.records import Conversation
from p2pd.store.read_state_store import Markers, StoredOffsets, offsets
from p2pd.store.rows import IS_KIND, key_names
from p2pd.store.store_file import StoreFile
from p2pd.store.succession import Succession

_KEY = "(SELECT conversation FROM conversations WHERE room IS ? AND peer IS ?)"
_OTHERS = f"""SELECT offset FROM records INDEXED BY items
    WHERE conversation = {_KEY} AND {IS_KIND} AND offset <= ?
        AND message_id NOT BETWEEN ? AND ?"""
"""Answered by the index alone."""
_MENTIONS = f"""SELECT offset FROM records INDEXED BY mentions
    WHERE conversation = {_KEY} AND is_mention = 1 AND offset <= ?"""
_NEWEST = f"""SELECT offset FROM records INDEXED BY messages_by_room
    WHERE conversation = {_KEY} AND {IS_KIND} AND offset <= ?"""
_SHOWN = " AND author NOT IN (SELECT value FROM json_each(?))"


class Write(Protocol):
    """Commits something, and remembers whether the disk is full."""

    def __call__(self, operation: Callable[[StoreFile], None]) -> None:
        """Carry out the operation."""


class SqliteReadState:
    """A ``ReadStateStore`` on disk."""

    def __init__(
        self, succession: Succession, write: Write, wait_committed: Callable[[], Awaitable[None]]
    ) -> None:
        self._succession = succession
        self._write = write
        self._wait_committed = wait_committed

    @property
    def evicted_readers(self) -> int:
        """How many readers were evicted since the file was opened."""
        return self._succession.file.read_markers.evicted_readers

    def markers(self, reader: ReaderName) -> Markers:
        """Return how far a reader has read, from memory."""
        return self._succession.file.read_markers.of(reader)

    def save_marker(self, reader: ReaderName, conversation: Conversation, until: int) -> None:
        """Commit a marker."""
        self._write(lambda file: file.save_read_marker(reader, conversation, until))

    def stored_offsets(
        self,
        conversation: Conversation,
        author_bytes: bytes,
        until: int,
        hidden: Sequence[PeerId] = (),
    ) -> StoredOffsets:
        """Return where a conversation's messages are, up to an offset."""

        def look(file: StoreFile) -> StoredOffsets:
            with file.readers.connection() as connection:
                where = _Where(conversation, author_bytes, until, hidden)
                return _stored_offsets(connection, where)

        return self._succession.carry_out(look)

    async def wait_committed(self) -> None:
        """Wait until all that was committed before the call survives a power cut."""
        await self._wait_committed()


class _Where(NamedTuple):
    """Which messages are meant; see ``ReadStateStore.stored_offsets``."""

    conversation: Conversation
    author_bytes: bytes
    until: int
    hidden: Sequence[PeerId]


def _stored_offsets(connection: sqlite3.Connection, where: _Where) -> StoredOffsets:
    place = (*key_names(where.conversation), where.until)
    own = (where.author_bytes, where.author_bytes + b"\xff" * 8)
    shown, hidden = (_SHOWN, (json.dumps(list(where.hidden)),)) if where.hidden else ("", ())

    def found(query: str, *values: object, end: str = "") -> list[int]:
        rows = connection.execute(f"{query}{shown}{end}", (*place, *values, *hidden))
        return sorted(offset for (offset,) in rows.fetchall())

    newest = found(_NEWEST, end=" ORDER BY offset DESC LIMIT 1")
    return StoredOffsets(
        offsets(found(_OTHERS, *own)), offsets(found(_MENTIONS)), newest[0] if newest else 0
    )
