"""The message store on disk: one SQLite file, replaced when it is damaged.

Made by ``p2pd.node``. A full disk is reported to the caller and nothing is stored.
``succession`` owns the file; this owns the threads that read it, make it durable and
checkpoint it.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import structlog

from common.histograms import HistogramValue
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.records import Conversation, Direct
from p2pd.domain.sizes import MAX_ITEMS_BYTES
from p2pd.domain.storage import Damage, Storage, StorageState
from p2pd.errors import StorageFailedError, StorageFullError
from p2pd.store import queries
from p2pd.store.checkpoints import Checkpoints
from p2pd.store.durability import Durability
from p2pd.store.entry_store import EntryKind
from p2pd.store.lock_file import lock_directory
from p2pd.store.message_store import (
    END_OF_TIME_NS,
    Dropped,
    IsMention,
    OrderKey,
    RangeSum,
    Stored,
    StoredAnswer,
    StoredPage,
    WhenDurable,
    mentions_nobody,
)
from p2pd.store.peer_store import KnownPeers
from p2pd.store.reads import ReadsAtOnce, ReadThreads
from p2pd.store.room_store import RoomRecord
from p2pd.store.sqlite_read_state import SqliteReadState
from p2pd.store.store_file import StoreFile
from p2pd.store.succession import Succession

FILE_NAME = "messages.db"
ITEMS_AT_ONCE = 4096

T = TypeVar("T")
log_line = structlog.get_logger(__name__)


@contextmanager
def open_store(
    directory: Path,
    *,
    on_damage: Callable[[Damage], None] = lambda _: None,
    configured_rooms: Iterable[RoomName] = (),
    import_files: bool = False,
    clock_ns: Callable[[], int] = time.time_ns,  # noqa: TID251
    fdatasync: Callable[[int], None] = os.fdatasync,
    is_mention: IsMention = mentions_nobody,
    has_threads: bool = True,
) -> Iterator[SqliteStore]:
    """Open the message store of a data directory, and close it in order.

    Args:
        on_damage: Called with each damage, in whichever thread found it.
        configured_rooms: Rooms of the settings; that one was left is never removed.
        import_files: Whether ``rooms.json`` and ``peers.json`` of earlier releases
            are read into the store, and removed.
        is_mention: Asked of each message that is stored.
        has_threads: Whether it reads, syncs and checkpoints in threads of its own;
            without them it does so where it is asked to.

    Raises:
        StoreOpenError: An operator must do something first.
        StorageFullError: There is no room to open it.
        StorageFailedError: The disk refuses.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock_directory(directory):
        rooms = frozenset(configured_rooms)
        store = SqliteStore(
            directory / FILE_NAME,
            on_damage,
            rooms,
            import_files,
            clock_ns,
            fdatasync,
            is_mention,
            has_threads=has_threads,
        )
        try:
            yield store
        finally:
            store.close()


class SqliteStore:
    """A ``MessageStore`` on disk; made by ``open_store``."""

    def __init__(
        self,
        path: Path,
        on_damage: Callable[[Damage], None],
        configured_rooms: frozenset[RoomName],
        import_files: bool,
        clock_ns: Callable[[], int],
        fdatasync: Callable[[int], None],
        is_mention: IsMention,
        *,
        has_threads: bool,
    ) -> None:
        self.reads = ReadThreads() if has_threads else ReadsAtOnce()
        self._is_full = False
        self._path = path
        self._succession = Succession(
            path,
            on_damage,
            self._lose,
            configured_rooms,
            import_files,
            clock_ns,
            fdatasync,
            is_mention,
        )
        self._durability = Durability(
            lambda: self._succession.carry_out(StoreFile.sync), has_thread=has_threads
        )
        self._checkpoints = Checkpoints(self._checkpoint, has_thread=has_threads)
        self.read_state = SqliteReadState(self._succession, self._write, self.wait_committed)

    @property
    def epoch(self) -> str:
        """Name of this log; a new one after a loss."""
        return self._succession.file.epoch

    @property
    def first_offset(self) -> int:
        """Offset of the oldest message kept; ``last_offset + 1`` when empty."""
        return self._succession.file.first_offset

    @property
    def last_offset(self) -> int:
        """Offset of the newest message ever appended; 0 when there was none."""
        return self._succession.file.last_offset

    @property
    def storage(self) -> Storage:
        """How the store does; a failure lasts until the next start."""
        failure = self._durability.failure
        if failure is not None:
            return Storage(StorageState.FAILED, failure, self._succession.damages)
        if self._is_full:
            return Storage(StorageState.FULL, "the disk is full", self._succession.damages)
        return Storage(damages=self._succession.damages)

    def dropped_until(self, rooms: frozenset[Conversation]) -> int:
        """Return the highest offset that messages of these rooms were dropped at."""
        return self._succession.file.rooms.dropped_until(rooms)

    def append(self, messages: Sequence[Message]) -> tuple[Stored, ...]:
        """Commit those messages that are not in the log yet, at the next offsets."""
        stored = self._write(lambda file: file.append(messages))
        self._checkpoints.note(sum(len(one.message.signed_bytes) for one in stored))
        return stored

    async def wait_durable(self, offset: int) -> None:
        """Wait until everything up to an offset survives a power cut."""
        await self._durability.wait(offset)

    def call_when_durable(self, offset: int, callback: WhenDurable) -> None:
        """Call back once everything up to an offset survives a power cut, or may not."""
        self._durability.call_when_durable(offset, callback)

    def room_records(self) -> dict[RoomName, RoomRecord]:
        """Return a copy of what is stored of memberships, from memory."""
        return self._succession.file.rooms.records

    def save_rooms(self, records: Mapping[RoomName, RoomRecord]) -> None:
        """Commit these records in one transaction: all of them or none."""
        named: dict[Conversation, RoomRecord] = dict(records.items())
        self._write(lambda file: file.save_rooms(named))

    def direct_records(self) -> dict[PeerId, RoomRecord]:
        """Return a copy of what is stored of conversations with peers, from memory."""
        records = self._succession.file.rooms.all_records
        return {one.peer_id: record for one, record in records.items() if isinstance(one, Direct)}

    def save_directs(self, records: Mapping[PeerId, RoomRecord]) -> None:
        """Commit records of conversations with peers: all of them or none."""
        named: dict[Conversation, RoomRecord] = {
            Direct(peer_id): record for peer_id, record in records.items()
        }
        self._write(lambda file: file.save_rooms(named))

    def known_peers(self) -> KnownPeers:
        """Return the known peers, from memory."""
        return self._succession.file.known_peers

    def save_known_peers(self, peers: KnownPeers) -> None:
        """Commit these addresses in the place of those before."""
        self._write(lambda file: file.save_known_peers(peers))

    def entries(self, kind: EntryKind) -> Mapping[str, bytes]:
        """Return a copy of the entries of a kind, from memory."""
        return self._succession.file.entries.of_kind(kind)

    def save_entry(self, kind: EntryKind, key: str, value: bytes | None) -> None:
        """Commit an entry in the place of the one before; None removes it."""
        self._write(lambda file: file.save_entry(kind, key, value))

    @property
    def sync_durations(self) -> HistogramValue:
        """How long each fsync took, in seconds."""
        return self._durability.durations

    async def wait_committed(self) -> None:
        """Wait until all that was committed before the call survives a power cut."""
        await self._durability.wait_all()

    def unread_quarantined(self) -> dict[Path, int]:
        """Return the quarantined files not read whole yet, and the offset each was read to."""
        files = self._succession.file.quarantined.files.items()
        return {self._path.with_name(name): until for name, until in files if until is not None}

    def save_quarantined(self, path: Path, read_until: int | None) -> None:
        """Commit how far a quarantined file was brought over; None is the end."""
        self._write(lambda file: file.save_quarantined(path.name, read_until))

    def last_seen_ns(self) -> int:
        """Return the latest time known to have been: by the clock, or by the newest message.

        0 where neither is known.
        """
        if self._succession.file.last_seen_ns:
            return self._succession.file.last_seen_ns
        newest = self.read(self.last_offset - 1, self.last_offset, 1)
        return newest[-1].message.receive_time_ns if newest else 0

    def save_last_seen(self, wall_ns: int) -> None:
        """Commit when the wall clock was last seen steady."""
        self._write(lambda file: file.save_last_seen(wall_ns))

    def offset_of(self, message_id: MessageId) -> int | None:
        """Return where a kept message is, or None."""
        return self._look(lambda connection: queries.offset_of(connection, message_id))

    def answer_of(self, client_message_id: str, caller: str = "") -> StoredAnswer | None:
        """Return the answer to the first stored publish of a caller with this id, or None."""
        return self._succession.carry_out(lambda file: file.answer_of(client_message_id, caller))

    def max_seqno(self, author_bytes: bytes) -> int:
        """Return the highest sequence number kept of an author; 0 where there is none."""
        return self._look(lambda connection: queries.max_seqno(connection, author_bytes))

    def read(self, after: int, until: int, max_bytes: int) -> tuple[Stored, ...]:
        """Return messages with ``after < offset <= until``, at least one if there is one."""
        return self._look(lambda connection: queries.read(connection, after, until, max_bytes))

    def count_others(self, after: int, until: int) -> int:
        """Count the records in a stretch of kinds unknown to this release."""
        return self._look(lambda connection: queries.count_others(connection, after, until))

    def page_before(
        self, conversation: Conversation, before: int, limit: int, max_bytes: int = MAX_ITEMS_BYTES
    ) -> StoredPage:
        """Return the newest messages of a conversation below an offset, bounded."""
        return self._look(
            lambda connection: queries.page_before(
                connection, conversation, before, limit, max_bytes
            )
        )

    def page_after(
        self, conversation: Conversation, after: int, limit: int, max_bytes: int = MAX_ITEMS_BYTES
    ) -> StoredPage:
        """Return the oldest messages of a conversation above an offset, bounded."""
        return self._look(
            lambda connection: queries.page_after(connection, conversation, after, limit, max_bytes)
        )

    def count(self, conversation: Conversation) -> int:
        """Return how many messages of a conversation are kept."""
        return self._succession.file.rooms.count(conversation)

    def conversations(self) -> tuple[Conversation, ...]:
        """Return the conversations that have messages."""
        return self._succession.file.rooms.names

    def items(
        self,
        conversation: Conversation,
        lower: OrderKey | None = None,
        upper: OrderKey | None = None,
    ) -> Iterator[OrderKey]:
        """Yield a conversation's items in send order; None is no bound."""
        while True:
            batch = self._items(conversation, lower, upper)
            yield from batch
            if len(batch) < ITEMS_AT_ONCE:
                return
            lower = queries.item_after(batch[-1])

    def sealed_ranges(self, room: RoomName) -> Sequence[RangeSum]:
        """Return the sums that are stored over ranges of a room's items, in order."""
        return self._succession.carry_out(lambda file: file.ranges.sealed(room))

    def sum_range(self, room: RoomName, lower: int, upper: int | None) -> RangeSum:
        """Sum up some hundred items of a room, the next from a sequence number on."""
        return self._succession.carry_out(lambda file: file.ranges.sum_range(room, lower, upper))

    def verify_ranges(self, room: RoomName, lower: int, upper: int) -> bool:
        """Compare stored sums with what is stored; remove those that are wrong."""
        return self._succession.carry_out(lambda file: file.ranges.verify(room, lower, upper))

    def signed_bytes(
        self, conversation: Conversation, message_ids: Sequence[MessageId]
    ) -> dict[MessageId, bytes]:
        """Return the original bytes of those messages that are kept in the conversation."""
        return self._look(
            lambda connection: queries.signed_bytes(connection, conversation, message_ids)
        )

    def drop_oldest(
        self,
        conversation: Conversation,
        *,
        keep: int,
        received_before_ns: int,
        at_most: int,
        now_ns: int = END_OF_TIME_NS,
    ) -> Sequence[Dropped]:
        """Drop a conversation's oldest messages: beyond ``keep`` of them, or received too early."""
        dropped = self._succession.carry_out(
            lambda file: file.drop_oldest(
                conversation,
                keep=keep,
                received_before_ns=received_before_ns,
                at_most=at_most,
                now_ns=now_ns,
            )
        )
        if dropped:
            self._checkpoints.note(0)
        return dropped

    def forget(self, conversation: Conversation, at_most: int) -> int:
        """Remove the oldest messages of a conversation; return how many."""
        dropped = self.drop_oldest(conversation, keep=0, received_before_ns=0, at_most=at_most)
        return len(dropped)

    def erase(self) -> None:
        """Have nothing on the disk that was removed."""
        self._write(StoreFile.erase)

    def close(self) -> None:
        """Close the file in order; calls from now on are refused."""
        self.reads.close()
        self._durability.close()
        self._checkpoints.close()
        self._succession.close(in_order=self._durability.failure is None)

    def _items(
        self, conversation: Conversation, lower: OrderKey | None, upper: OrderKey | None
    ) -> list[OrderKey]:
        return self._look(
            lambda connection: queries.items(connection, conversation, lower, upper, ITEMS_AT_ONCE)
        )

    def _look(self, query: Callable[[sqlite3.Connection], T]) -> T:
        def look(file: StoreFile) -> T:
            with file.readers.connection() as connection:
                return query(connection)

        return self._succession.carry_out(look)

    def _write(self, operation: Callable[[StoreFile], T]) -> T:
        """Commit something, and remember whether the disk is full."""
        if self._durability.failure is not None:
            raise StorageFailedError(self._durability.failure)
        try:
            result = self._succession.carry_out(operation)
        except StorageFullError:
            self._is_full = True
            raise
        self._is_full = False
        return result

    def _lose(self, last_offset: int) -> None:
        self._durability.lose(last_offset)

    def _checkpoint(self) -> bool:
        if self._durability.failure is not None:
            return True
        try:
            result = self._succession.carry_out(StoreFile.checkpoint)
        except Exception as error:
            log_line.warning("store checkpoint failed", error=str(error))
            return False
        return result.done == result.frames
