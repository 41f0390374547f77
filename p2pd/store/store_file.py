"""One store file from open to close: the writer, the readers, the write-ahead log.

``p2pd.store.succession`` holds the present one and replaces it when it is damaged.
Errors leave here as SQLite's own; the caller gives them their meaning.

The write-ahead log is committed to without an fsync. ``sync`` makes it last, and
``checkpoint`` brings it into the file; each runs in a thread of its own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

from p2pd.domain.conversations import ReaderName
from p2pd.domain.messages import Message
from p2pd.domain.names import RoomName
from p2pd.domain.records import Conversation
from p2pd.errors import StorageFailedError
from p2pd.store import queries
from p2pd.store.connections import Readers, durable_transaction, open_writer, transaction
from p2pd.store.damage import chat_error_from, is_full, remove_quarantined, sync_directory
from p2pd.store.entry_store import EntryKind
from p2pd.store.entry_table import EntryTable
from p2pd.store.errors import DamagedError, StoreClosedError
from p2pd.store.inheritance import Inheritance
from p2pd.store.item_ranges import ItemRanges
from p2pd.store.message_store import (
    END_OF_TIME_NS,
    Dropped,
    IsMention,
    Stored,
    StoredAnswer,
    mentions_nobody,
)
from p2pd.store.meta import Meta
from p2pd.store.peer_store import KnownPeers
from p2pd.store.peer_table import load_known_peers, replace_known_peers
from p2pd.store.quarantine_table import QuarantineTable
from p2pd.store.read_marker_table import ReadMarkerTable
from p2pd.store.removal import find_expired, remove_until
from p2pd.store.room_store import RoomRecord
from p2pd.store.room_table import RoomTable
from p2pd.store.rows import CONVERSATION, INSERT, Row, row_from_message
from p2pd.store.schema import check, migrate
from p2pd.store.wal import committed_frames

WAL_MAX_FRAMES = 16_384
"""Above it (64 MiB of 4 KiB pages) appends wait until the log was emptied."""

_OLDEST = "SELECT min(offset) FROM records"
_NEWEST = "SELECT max(offset) FROM records"
"""Each by itself: SQLite finds one end of a table at once, for both it reads all of it."""
_PASSIVE = "PRAGMA wal_checkpoint(PASSIVE)"
_TRUNCATE = "PRAGMA wal_checkpoint(TRUNCATE)"


class Checkpoint(NamedTuple):
    """Frames in the write-ahead log, and how many of them are in the file as well."""

    frames: int
    done: int


class StoreFile:
    """An open store file.

    ``append``, ``drop_oldest`` and what saves belong to one thread, ``sync`` and
    ``checkpoint`` to one each, ``readers`` to all.

    Args:
        base_offset: Where a new file begins; an old one keeps its own.
        fdatasync: Makes the file behind a descriptor last.
        configured_rooms: That these were left is never removed.
        is_mention: Whether a message mentions this node.

    Attributes:
        tail_lost: Whether the newest messages were found to be unreadable.
        ranges: The sums over ranges of items.
        entries: Profiles, petnames, blocks and other small facts.
        read_markers: Who read how far.
    """

    def __init__(
        self,
        path: Path,
        base_offset: int,
        fdatasync: Callable[[int], None],
        configured_rooms: frozenset[RoomName] = frozenset(),
        is_mention: IsMention = mentions_nobody,
    ) -> None:
        self.path = path
        self._is_mention = is_mention
        self._fdatasync = fdatasync
        self._checkpointing = threading.Lock()
        self._writing = threading.Lock()
        self._syncing = threading.Lock()
        self._closed = False
        self._wal_path = path.with_name(f"{path.name}-wal")
        frames = committed_frames(self._wal_path)
        check(path)
        self._writer = open_writer(path)
        try:
            self.tail_lost = self._empty_wal(frames) < frames
            migrate(self._writer)
            self._meta = Meta(self._writer)
            self._meta.begin(base_offset, tail_lost=self.tail_lost)
            self.epoch = self._meta.epoch
            self._rooms = RoomTable(self._writer, self._meta.base_offset, configured_rooms)
            self.known_peers = load_known_peers(self._writer)
            self.quarantined = QuarantineTable(self._writer)
            self.entries = EntryTable(self._writer)
            self._first, self.last_offset = self._bounds()
            self.read_markers = ReadMarkerTable(self._writer, self.last_offset)
            self._rooms.on_removed.append(self.read_markers.removed)
            self._checkpointer = open_writer(path)
        except BaseException:
            self._writer.close()
            raise
        self._wal = os.open(self._wal_path, os.O_RDWR)
        sync_directory(path.parent)
        self.readers = Readers(path)
        self.ranges = ItemRanges(self._writer, self.readers, self._writing)

    @property
    def is_complete(self) -> bool:
        """Whether the file has what it inherits; see ``inherit``."""
        return self._meta.is_complete

    @property
    def last_seen_ns(self) -> int:
        """The wall clock when it was last seen steady; 0 where that is not known."""
        return self._meta.last_seen_ns

    @property
    def rooms(self) -> RoomTable:
        """The rooms: messages counted, membership."""
        return self._rooms

    @property
    def first_offset(self) -> int:
        """Offset of the oldest message stored; ``last_offset + 1`` when empty."""
        first = self._first
        return self.last_offset + 1 if first is None else first

    def inherit(self, inherited: Inheritance) -> None:
        """Write what a new or migrated file takes from those before it, durably and once.

        A file that has dropped messages already was in use before it was migrated:
        its quarantined files were read then, and reading them again would bring
        back what retention removed.
        """
        was_used = self._rooms.dropped_until(frozenset()) > self._meta.base_offset
        with self._writing, durable_transaction(self._writer):
            self._rooms.write(inherited.rooms)
            replace_known_peers(self._writer, inherited.peers)
            self.entries.write(inherited.entries)
            for name, read_until in inherited.quarantined.items():
                self.quarantined.write(name, None if was_used else read_until)
            self._meta.complete()
        self.known_peers = inherited.peers
        self._rooms.load()
        self.quarantined.load()

    def save_rooms(self, records: Mapping[Conversation, RoomRecord]) -> None:
        """Commit room records; see ``RoomStore``."""
        with self._writing:
            self._check_open()
            self._rooms.save(records)

    def save_known_peers(self, peers: KnownPeers) -> None:
        """Commit known peers; see ``PeerStore``."""
        with self._writing:
            self._check_open()
            with transaction(self._writer):
                replace_known_peers(self._writer, peers)
            self.known_peers = peers

    def save_entry(self, kind: EntryKind, key: str, value: bytes | None) -> None:
        """Commit an entry; see ``EntryStore``."""
        with self._writing:
            self._check_open()
            self.entries.save(kind, key, value)

    def save_read_marker(self, reader: ReaderName, conversation: Conversation, until: int) -> None:
        """Commit how far a reader has read; see ``ReadStateStore``."""
        with self._writing:
            self._check_open()
            self.read_markers.save(reader, conversation, until)

    def save_last_seen(self, wall_ns: int) -> None:
        """Commit when the wall clock was last seen steady."""
        with self._writing:
            self._check_open()
            self._meta.save_last_seen(wall_ns)

    def save_quarantined(self, name: str, read_until: int | None) -> None:
        """Commit how far a quarantined file was read; None is the end."""
        with self._writing:
            self._check_open()
            self.quarantined.save(name, read_until)

    def append(self, messages: Sequence[Message]) -> tuple[Stored, ...]:
        """Store those messages that are not there yet, at the next offsets."""
        with self._writing:
            self._check_open()
            fresh = list({message.message_id: message for message in messages}.values())
            try:
                return self._insert(fresh)
            except sqlite3.IntegrityError:
                return self._insert([one for one in fresh if self._is_new(one)])

    def answer_of(self, client_message_id: str, caller: str) -> StoredAnswer | None:
        """Return a stored answer, by the connection that is about to write to its index."""
        with self._writing:
            self._check_open()
            return queries.answer_of(self._writer, client_message_id, caller)

    def drop_oldest(
        self,
        room: Conversation,
        *,
        keep: int,
        received_before_ns: int,
        at_most: int,
        now_ns: int = END_OF_TIME_NS,
    ) -> Sequence[Dropped]:
        """Drop a room's oldest messages; see ``MessageStore``."""
        with self._writing:
            self._check_open()
            if not self._rooms.count(room):
                return ()
            key = self._rooms.key(room)
            expired = find_expired(
                self._writer,
                key,
                beyond=max(0, self._rooms.count(room) - keep),
                received_before_ns=received_before_ns,
                now_ns=now_ns,
                at_most=at_most,
            )
            if expired.dropped:
                self._rooms.dropping(room, expired.until)
                remove_until(self._writer, key, expired.until)
                self._rooms.dropped(room, len(expired.dropped))
                (self._first,) = self._writer.execute(_OLDEST).fetchone()
            return expired.dropped

    def sync(self) -> int:
        """Make what is committed survive a power cut; return its last offset."""
        with self._syncing:
            self._check_open()
            offset = self.last_offset
            self._fdatasync(self._wal)
            return offset

    def checkpoint(self) -> Checkpoint:
        """Bring the write-ahead log into the file.

        Appends go on meanwhile, so it may not reach the end; where the log has
        grown too far they wait for the last part of it, a few milliseconds.
        """
        with self._checkpointing:
            self._check_open()
            result = self._pass_on()
            if result.done < result.frames > WAL_MAX_FRAMES:
                self._pass_on()
                with self._writing:
                    result = self._pass_on()
            return result

    def erase(self) -> None:
        """Write the file anew without what was removed, and empty the write-ahead log.

        By a connection of its own: whatever fails there is no damage.
        """
        with self._checkpointing, self._writing:
            self._check_open()
            try:
                with closing(open_writer(self.path)) as connection:
                    connection.execute("VACUUM")
            except sqlite3.Error as error:
                raise chat_error_from(error) from error
            for name, read_until in self.quarantined.files.items():
                if read_until is None:
                    remove_quarantined(self.path.with_name(name))
            (is_busy, *_) = self._writer.execute(_TRUNCATE).fetchone()
        if is_busy:
            raise StorageFailedError("the write-ahead log is being read; try again")

    def close(self, *, in_order: bool) -> None:
        """Close every connection, once the queries under way are done.

        Args:
            in_order: Whether the file is whole, so that the next one may trust it.
        """
        self.readers.close()
        with self._checkpointing, self._writing, self._syncing:
            if self._closed:
                return
            self._closed = True
            with suppress(sqlite3.Error):
                self._checkpointer.close()
                if in_order:
                    self._meta.end()
            with suppress(sqlite3.Error):
                self._writer.close()
            os.close(self._wal)

    def _insert(self, messages: Sequence[Message]) -> tuple[Stored, ...]:
        if not messages:
            return ()
        stored = tuple(map(Stored, range(self.last_offset + 1, 1 << 62), messages))
        rows = [
            (
                *row_from_message(
                    one.offset, self._rooms.key(one.message.conversation), one.message
                ),
                1 if self._is_mention(one.message) else None,
            )
            for one in stored
        ]
        self._commit(rows)
        self._rooms.appended(message.conversation for message in messages)
        if self._first is None:
            self._first = stored[0].offset
        self.last_offset = stored[-1].offset
        return stored

    def _commit(self, rows: Sequence[Row]) -> None:
        """Insert all rows or none; a single one is a transaction by itself."""
        added = Counter(row[CONVERSATION] for row in rows)
        due = self.ranges.due(added)
        left: Mapping[int, int] = {}
        if len(rows) == 1 and not due:
            self._writer.execute(INSERT, rows[0])
        else:
            with transaction(self._writer):
                self._writer.executemany(INSERT, rows)
                left = self.ranges.seal(due, added)
        self.ranges.appended(added, left)

    def _is_new(self, message: Message) -> bool:
        return queries.offset_of(self._writer, message.message_id) is None

    def _bounds(self) -> tuple[int | None, int]:
        """Return the first offset, if any, and the last ever given; look at both rows."""
        (first,) = self._writer.execute(_OLDEST).fetchone()
        (last,) = self._writer.execute(_NEWEST).fetchone()
        for offset in {first, last} - {None}:
            if not queries.has_record(self._writer, offset):
                raise DamagedError(f"row {offset} is not where it should be")
        if self._rooms.total > (last - first + 1 if last else 0):
            raise DamagedError("it counts more records than it has offsets")
        return first, max(last or 0, self._rooms.dropped_until(frozenset()))

    def _empty_wal(self, expected: int) -> int:
        """Bring what a killed process left into the file; return how many frames it was.

        Whatever the kernel lost of it shows now, before anything is promised. On a
        full disk it stays where it is.
        """
        try:
            return self._pass_all_on()
        except sqlite3.Error as error:
            if is_full(error):
                return expected
            raise

    def _pass_all_on(self) -> int:
        _, frames, _ = self._writer.execute(_PASSIVE).fetchone()
        self._writer.execute(_TRUNCATE)
        return int(frames)

    def _pass_on(self) -> Checkpoint:
        _, frames, done = self._checkpointer.execute(_PASSIVE).fetchone()
        return Checkpoint(frames, done)

    def _check_open(self) -> None:
        if self._closed:
            raise StoreClosedError
