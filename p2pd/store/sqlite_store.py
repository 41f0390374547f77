"""The message store on disk: one SQLite file, replaced when it is damaged.

Made by ``p2pd.node``. Gives SQLite's errors their meaning: a full disk is told to
the caller and nothing is kept; a damaged file is set aside, an empty one opened
in its place, and the call carried out on that one. Offsets go on where they were,
so that readers find a hole, which is told, instead of numbers used twice.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import structlog

from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, RoomName
from p2pd.domain.sizes import MAX_ITEMS_BYTES
from p2pd.domain.storage import Damage, Storage, StorageState
from p2pd.errors import StorageFailedError, StorageFullError
from p2pd.store import queries
from p2pd.store.checkpoints import Checkpoints
from p2pd.store.damage import (
    FILE_ERRORS,
    chat_error_from,
    finish_quarantine,
    is_damage,
    quarantine,
)
from p2pd.store.durability import Durability
from p2pd.store.errors import StoreClosedError
from p2pd.store.inheritance import Inheritance, inheritance_of
from p2pd.store.legacy_files import inheritance_from_files, remove_files
from p2pd.store.lock_file import lock_directory
from p2pd.store.message_store import (
    END_OF_TIME_NS,
    Answer,
    Dropped,
    Item,
    Stored,
    StoredPage,
)
from p2pd.store.peer_store import KnownPeers
from p2pd.store.reads import ReadThreads
from p2pd.store.room_store import RoomRecord
from p2pd.store.store_file import StoreFile

FILE_NAME = "messages.db"
ITEMS_AT_ONCE = 4096
ATTEMPTS = 3
"""A call is carried out again when its file was replaced, so many times at most."""

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
) -> Iterator[SqliteStore]:
    """Open the message store of a data directory, and close it in order.

    Args:
        on_damage: Called with each damage, in whichever thread found it.
        configured_rooms: Rooms of the settings; that one was left is never removed.
        import_files: Whether ``rooms.json`` and ``peers.json`` of earlier releases
            are read into the store, and removed.

    Raises:
        StoreOpenError: An operator must do something first.
        StorageFullError: There is no room to open it.
        StorageFailedError: The disk refuses.
    """
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with lock_directory(directory):
        rooms = frozenset(configured_rooms)
        store = SqliteStore(
            directory / FILE_NAME, on_damage, rooms, import_files, clock_ns, fdatasync
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
    ) -> None:
        self.reads = ReadThreads()
        self._damages: tuple[Damage, ...] = ()
        self._is_full = False
        self._path = path
        self._on_damage = on_damage
        self._configured_rooms = configured_rooms
        self._import_files = import_files
        self._clock_ns = clock_ns
        self._fdatasync = fdatasync
        self._replacing = threading.Lock()
        self._closed = False
        self._file = self._open_first()
        self._durability = Durability(lambda: self._carry_out(StoreFile.sync))
        self._checkpoints = Checkpoints(self._checkpoint)

    @property
    def epoch(self) -> str:
        """Name of this log; a new one after a loss."""
        return self._file.epoch

    @property
    def first_offset(self) -> int:
        """Offset of the oldest message kept; ``last_offset + 1`` when empty."""
        return self._file.first_offset

    @property
    def last_offset(self) -> int:
        """Offset of the newest message ever appended; 0 when there was none."""
        return self._file.last_offset

    @property
    def storage(self) -> Storage:
        """How the store does; a failure lasts until the next start."""
        failure = self._durability.failure
        if failure is not None:
            return Storage(StorageState.FAILED, failure, self._damages)
        if self._is_full:
            return Storage(StorageState.FULL, "the disk is full", self._damages)
        return Storage(damages=self._damages)

    def dropped_until(self, rooms: frozenset[RoomName]) -> int:
        """Return the highest offset that messages of these rooms were dropped at."""
        return self._file.rooms.dropped_until(rooms)

    def append(self, messages: Sequence[Message]) -> tuple[Stored, ...]:
        """Commit those messages that are not in the log yet, at the next offsets."""
        stored = self._write(lambda file: file.append(messages))
        self._checkpoints.note(sum(len(one.message.signed_bytes) for one in stored))
        return stored

    async def wait_durable(self, offset: int) -> None:
        """Wait until everything up to an offset survives a power cut."""
        await self._durability.wait(offset)

    def room_records(self) -> dict[RoomName, RoomRecord]:
        """Return a copy of what is stored of memberships, from memory."""
        return self._file.rooms.records

    def save_rooms(self, records: Mapping[RoomName, RoomRecord]) -> None:
        """Commit these records in one transaction: all of them or none."""
        self._write(lambda file: file.save_rooms(records))

    def known_peers(self) -> KnownPeers:
        """Return the known peers, from memory."""
        return self._file.known_peers

    def save_known_peers(self, peers: KnownPeers) -> None:
        """Commit these addresses in the place of those before."""
        self._write(lambda file: file.save_known_peers(peers))

    async def wait_committed(self) -> None:
        """Wait until all that was committed before the call survives a power cut."""
        await self._durability.wait_all()

    def unread_quarantined(self) -> dict[Path, int]:
        """Return the quarantined files not read whole yet, and the offset each was read to."""
        files = self._file.quarantined.files.items()
        return {self._path.with_name(name): until for name, until in files if until is not None}

    def save_quarantined(self, path: Path, read_until: int | None) -> None:
        """Commit how far a quarantined file was brought over; None is the end."""
        self._write(lambda file: file.save_quarantined(path.name, read_until))

    def last_seen_ns(self) -> int:
        """Return the latest time known to have been: by the clock, or by the newest message.

        0 where neither is known.
        """
        if self._file.last_seen_ns:
            return self._file.last_seen_ns
        newest = self.read(self.last_offset - 1, self.last_offset, 1)
        return newest[-1].message.receive_time_ns if newest else 0

    def save_last_seen(self, wall_ns: int) -> None:
        """Commit when the wall clock was last seen steady."""
        self._write(lambda file: file.save_last_seen(wall_ns))

    def offset_of(self, message_id: MessageId) -> int | None:
        """Return where a kept message is, or None."""
        return self._look(lambda connection: queries.offset_of(connection, message_id))

    def answer_of(self, client_message_id: str, caller: str = "") -> Answer | None:
        """Return the answer to the first stored publish of a caller with this id, or None."""
        return self._carry_out(lambda file: file.answer_of(client_message_id, caller))

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
        self, room: RoomName, before: int, limit: int, max_bytes: int = MAX_ITEMS_BYTES
    ) -> StoredPage:
        """Return the newest messages of a room below an offset, bounded in number and bytes."""
        return self._look(
            lambda connection: queries.page_before(connection, room, before, limit, max_bytes)
        )

    def page_after(
        self, room: RoomName, after: int, limit: int, max_bytes: int = MAX_ITEMS_BYTES
    ) -> StoredPage:
        """Return the oldest messages of a room above an offset, bounded in number and bytes."""
        return self._look(
            lambda connection: queries.page_after(connection, room, after, limit, max_bytes)
        )

    def count(self, room: RoomName) -> int:
        """Return how many messages of a room are kept."""
        return self._file.rooms.count(room)

    def rooms(self) -> tuple[RoomName, ...]:
        """Return the rooms that have messages."""
        return self._file.rooms.names

    def items(
        self, room: RoomName, lower: Item | None = None, upper: Item | None = None
    ) -> Iterator[Item]:
        """Yield a room's items in send order, ``lower <= item < upper``; None is no bound."""
        while True:
            batch = self._items(room, lower, upper)
            yield from batch
            if len(batch) < ITEMS_AT_ONCE:
                return
            lower = queries.item_after(batch[-1])

    def signed_bytes(
        self, room: RoomName, message_ids: Sequence[MessageId]
    ) -> dict[MessageId, bytes]:
        """Return the original signed bytes of those messages that are kept in the room."""
        return self._look(lambda connection: queries.signed_bytes(connection, room, message_ids))

    def drop_oldest(
        self,
        room: RoomName,
        *,
        keep: int,
        received_before_ns: int,
        at_most: int,
        now_ns: int = END_OF_TIME_NS,
    ) -> Sequence[Dropped]:
        """Drop a room's oldest messages: beyond ``keep`` of them, or received too early."""
        dropped = self._carry_out(
            lambda file: file.drop_oldest(
                room,
                keep=keep,
                received_before_ns=received_before_ns,
                at_most=at_most,
                now_ns=now_ns,
            )
        )
        if dropped:
            self._checkpoints.note(0)
        return dropped

    def close(self) -> None:
        """Close the file in order; calls from now on are refused."""
        self.reads.close()
        self._durability.close()
        self._checkpoints.close()
        with self._replacing:
            self._closed = True
            self._file.close(in_order=self._durability.failure is None)

    def _items(self, room: RoomName, lower: Item | None, upper: Item | None) -> list[Item]:
        return self._look(
            lambda connection: queries.items(connection, room, lower, upper, ITEMS_AT_ONCE)
        )

    def _look(self, query: Callable[[sqlite3.Connection], T]) -> T:
        def look(file: StoreFile) -> T:
            with file.readers.connection() as connection:
                return query(connection)

        return self._carry_out(look)

    def _write(self, operation: Callable[[StoreFile], T]) -> T:
        """Commit something, and remember whether the disk is full."""
        if self._durability.failure is not None:
            raise StorageFailedError(self._durability.failure)
        try:
            result = self._carry_out(operation)
        except StorageFullError:
            self._is_full = True
            raise
        self._is_full = False
        return result

    def _carry_out(self, operation: Callable[[StoreFile], T]) -> T:
        """Do something with the file, and again with its successor where it is damaged."""
        for _ in range(ATTEMPTS):
            file = self._file
            try:
                return operation(file)
            except (StoreClosedError, *FILE_ERRORS) as error:
                if not isinstance(error, StoreClosedError) and not is_damage(error):
                    raise chat_error_from(error) from error
                self._replace(file, error)
        raise StorageFailedError("the message store is damaged again and again")

    def _checkpoint(self) -> bool:
        if self._durability.failure is not None:
            return True
        try:
            result = self._carry_out(StoreFile.checkpoint)
        except Exception as error:
            log_line.warning("store checkpoint failed", error=str(error))
            return False
        return result.done == result.frames

    def _open_first(self) -> StoreFile:
        try:
            finish_quarantine(self._path)
            return self._open(0)
        except (*FILE_ERRORS, OSError) as error:
            if not is_damage(error):
                raise chat_error_from(error) from error
            self._quarantine(str(error))
            return self._open_successor(0)

    def _replace(self, file: StoreFile, error: Exception) -> None:
        """Put an empty file in the place of a damaged one, unless another thread just has.

        A file that is closed already was quarantined when there was no room for its
        successor; then only that is left to do.
        """
        with self._replacing:
            if self._closed:
                raise StorageFailedError("the message store is closed")
            if self._file is not file:
                return
            if is_damage(error):
                file.close(in_order=False)
                self._durability.lose(file.last_offset)
                self._quarantine(str(error))
            self._file = self._open_successor(file.last_offset, file)

    def _quarantine(self, reason: str) -> None:
        try:
            damage = quarantine(self._path, reason, self._clock_ns())
        except OSError as error:
            raise chat_error_from(error) from error
        self._report(damage)

    def _open_successor(self, base_offset: int, before: StoreFile | None = None) -> StoreFile:
        try:
            return self._open(base_offset, before)
        except (*FILE_ERRORS, OSError) as error:
            raise chat_error_from(error) from error

    def _open(self, base_offset: int, before: StoreFile | None = None) -> StoreFile:
        file = StoreFile(self._path, base_offset, self._fdatasync, self._configured_rooms)
        try:
            if not file.is_complete:
                file.inherit(self._inheritance(before))
            if self._import_files:
                remove_files(self._path.parent)
        except BaseException:
            file.close(in_order=False)
            raise
        if file.tail_lost:
            reason = "the newest messages could not be read"
            self._report(Damage(str(self._path), reason, self._clock_ns()))
        return file

    def _inheritance(self, before: StoreFile | None) -> Inheritance:
        """Gather what a new file takes over: from memory, else from the files beside it."""
        gathered = inheritance_of(self._path)
        if before is not None:
            known = Inheritance(before.rooms.records, before.known_peers, before.quarantined.files)
            return known.over(gathered)
        if not self._import_files:
            return gathered
        return gathered.over(inheritance_from_files(self._path.parent, self._clock_ns()))

    def _report(self, damage: Damage) -> None:
        self._damages = (*self._damages, damage)
        log_line.error("store damaged", path=damage.path, reason=damage.reason)
        self._on_damage(damage)
