"""Which rooms this node has joined: the only writer of that fact.

A room is joined when its record is stored and its topic is subscribed to: both or
neither, one step a room at a time. Used by the API and at the start; ``history``
and ``outbox`` read the records of joined rooms and report how far they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Never, Protocol

import structlog
import trio

from p2pd.chat.room_locks import RoomLocks
from p2pd.domain.names import RoomName
from p2pd.errors import ChatError, LimitReachedError
from p2pd.store.room_store import RoomRecord, RoomStore

MAX_ROOMS = 256
ROOMS_RETRY_S = 60.0
SAVE_INTERVAL_S = 5.0
"""Between two saves of what changes all the time."""
UNDO_DEADLINE_S = 1.0

OnRoom = Callable[[RoomName], None]

log_line = structlog.get_logger(__name__)


class Topics(Protocol):
    """The network's side of a room."""

    async def join(self, room: RoomName) -> None:
        """Subscribe to a room's topic and search for its members."""

    async def leave(self, room: RoomName) -> None:
        """Unsubscribe from a room's topic and end the search."""


@dataclass(frozen=True, slots=True)
class RoomDefaults:
    """What a room joined for the first time begins with.

    Attributes:
        history_ns: How much of its past is fetched.
        last_seqno: Returns the highest sequence number of our own messages so far.
    """

    history_ns: int
    clock_ns: Callable[[], int]
    last_seqno: Callable[[], int]


class Membership:
    """Join and leave rooms; made before the network, which ``start`` subscribes.

    Attributes:
        on_joined: Called with each room that has been joined; must not raise.
        on_left: Called with each room that has been left; must not raise.

    Args:
        configured: Rooms of the settings; joined unless a caller left them.

    Raises:
        StorageFullError: There is no room to store that the configured rooms are joined.
        StorageFailedError: The disk refuses to store it.
    """

    def __init__(
        self, store: RoomStore, configured: Iterable[RoomName], defaults: RoomDefaults
    ) -> None:
        self.on_joined: list[OnRoom] = []
        self.on_left: list[OnRoom] = []
        self._store = store
        self._defaults = defaults
        self._locks = RoomLocks()
        self._topics: Topics | None = None
        stored = store.room_records()
        self._records = {room: one for room, one in stored.items() if one.is_joined}
        """Of joined rooms, and of those that are being joined."""
        self._joined: frozenset[RoomName] = frozenset()
        self._unsaved: set[RoomName] = set()
        self._changed = trio.Event()
        new = {room: self._new_record(room) for room in configured if room not in stored}
        if new:
            store.save_rooms(new)
            self._records |= new

    async def start(self, topics: Topics) -> None:
        """Subscribe to every room that is joined; from now on rooms are joined and left."""
        self._topics = topics
        for room in sorted(self._records):
            await topics.join(room)
            self._joined |= {room}

    @property
    def joined(self) -> tuple[RoomName, ...]:
        """The joined rooms, by name."""
        return tuple(sorted(self._joined))

    @property
    def highest_sent(self) -> int:
        """A sequence number that none of our own to come may reach down to."""
        records = [*self._store.room_records().values(), *self._records.values()]
        return max((record.sent_until for record in records), default=0)

    def __contains__(self, room: RoomName) -> bool:
        return room in self._joined

    def record(self, room: RoomName) -> RoomRecord | None:
        """Return the record of a joined room, or of one that is being joined."""
        return self._records.get(room)

    async def join(self, room: RoomName) -> None:
        """Join a room; joined already is fine.

        Cancellation: the room is joined or it is not, with nothing of it left over.

        Raises:
            LimitReachedError: Too many rooms.
            StorageFullError: There is no room to store it; the room is not joined.
            StorageFailedError: The disk refuses to store it; the room is not joined.
        """
        async with self._locks.hold(room):
            if room in self._joined:
                return
            if len(self._records) >= MAX_ROOMS:
                raise LimitReachedError(
                    "TOO_MANY_ROOMS", f"{MAX_ROOMS} rooms are joined", ROOMS_RETRY_S
                )
            await self._join(room, self._new_record(room))

    async def leave(self, room: RoomName) -> None:
        """Leave a room; not joined is fine.

        Cancellation: the room is left or it is not.

        Raises:
            StorageFullError: There is no room to store it; the room is still joined.
            StorageFailedError: The disk refuses to store it; the room is still joined.
        """
        async with self._locks.hold(room):
            if room not in self._joined:
                return
            await self._save_left(room)
            del self._records[room]
            self._joined -= {room}
            # From here on the room is left, whatever comes: only its topic is still open.
            with trio.CancelScope(shield=True):
                await self._leave_topic(room)
            for call in self.on_left:
                call(room)

    def update(self, room: RoomName, record: RoomRecord) -> None:
        """Replace the record of a joined room; it is stored within seconds."""
        if room in self._records:
            self._records[room] = record
            self._unsaved.add(room)
            self._changed.set()

    def correct_times(self, now_ns: int) -> None:
        """Correct what a clock that was ahead left in the future: nothing would be fetched.

        Args:
            now_ns: The time, by a clock that is known to be right.
        """
        for room, record in list(self._records.items()):
            floor_ns, joined_ns = record.floor_ns, min(record.joined_ns, now_ns)
            if floor_ns > now_ns:
                floor_ns = now_ns - self._defaults.history_ns
            if (floor_ns, joined_ns) != (record.floor_ns, record.joined_ns):
                log_line.warning("room's times corrected", room=room)
                self.update(room, replace(record, floor_ns=floor_ns, joined_ns=joined_ns))

    async def run(self) -> Never:
        """Store updates; ends by cancellation."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            self.save_updates()
            await trio.sleep(SAVE_INTERVAL_S)

    def save_updates(self) -> None:
        """Store the updates that wait; those that cannot be stored go on waiting."""
        unsaved = self._unsaved & self._records.keys()
        self._unsaved = set()
        try:
            self._store.save_rooms({room: self._records[room] for room in unsaved})
        except ChatError as error:
            log_line.warning("rooms not saved", error=str(error))
            self._unsaved |= unsaved
            self._changed.set()

    async def _join(self, room: RoomName, record: RoomRecord) -> None:
        assert self._topics is not None
        self._save({room: record})
        self._records[room] = record
        try:
            await self._store.wait_committed()
            await self._topics.join(room)
        except BaseException:
            with trio.move_on_after(UNDO_DEADLINE_S) as scope:
                scope.shield = True
                await self._undo_join(room)
            raise
        self._joined |= {room}
        for call in self.on_joined:
            call(room)

    async def _undo_join(self, room: RoomName) -> None:
        record = self._records.pop(room)
        with suppress(ChatError):
            self._save({room: replace(record, is_joined=False)})
        await self._leave_topic(room)

    async def _save_left(self, room: RoomName) -> None:
        """Store that a room is left; where that fails or is cancelled, that it is joined."""
        self._save({room: replace(self._records[room], is_joined=False)})
        try:
            await self._store.wait_committed()
        except BaseException:
            with suppress(ChatError):
                self._save({room: self._records[room]})
            raise

    async def _leave_topic(self, room: RoomName) -> None:
        """Unsubscribe; what fails there is nobody's business any more."""
        assert self._topics is not None
        try:
            await self._topics.leave(room)
        # Boundary: the room is left, however its topic ends.
        except Exception:
            log_line.exception("topic not left in order", room=room)

    def _save(self, records: Mapping[RoomName, RoomRecord]) -> None:
        self._store.save_rooms(records)
        self._unsaved -= records.keys()

    def _new_record(self, room: RoomName) -> RoomRecord:
        """Make a record; what waited to be sent when the room was left waits again."""
        now_ns = self._defaults.clock_ns()
        before = self._store.room_records().get(room)
        # Not the clock's time: what is signed once it was set back would seem to be sent.
        sent_until = self._defaults.last_seqno() if before is None else before.sent_until
        return RoomRecord(True, now_ns - self._defaults.history_ns, now_ns, sent_until)
