"""Read markers and offsets of messages in the store on disk. Made by ``SqliteStore``."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from typing import Protocol

from p2pd.domain.conversations import ReaderName
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
    WHERE conversation = {_KEY} AND {IS_KIND} AND offset <= ? ORDER BY offset DESC LIMIT 1"""


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
        self, conversation: Conversation, author_bytes: bytes, until: int
    ) -> StoredOffsets:
        """Return where a conversation's messages are, up to an offset."""

        def look(file: StoreFile) -> StoredOffsets:
            with file.readers.connection() as connection:
                return _stored_offsets(connection, conversation, author_bytes, until)

        return self._succession.carry_out(look)

    async def wait_committed(self) -> None:
        """Wait until all that was committed before the call survives a power cut."""
        await self._wait_committed()


def _stored_offsets(
    connection: sqlite3.Connection, conversation: Conversation, author_bytes: bytes, until: int
) -> StoredOffsets:
    where = (*key_names(conversation), until)
    own = (author_bytes, author_bytes + b"\xff" * 8)
    others = sorted(offset for (offset,) in connection.execute(_OTHERS, (*where, *own)).fetchall())
    mentions = sorted(offset for (offset,) in connection.execute(_MENTIONS, where).fetchall())
    newest = connection.execute(_NEWEST, where).fetchone()
    return StoredOffsets(offsets(others), offsets(mentions), newest[0] if newest else 0)
