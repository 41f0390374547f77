"""One reader of the log: a cursor, and what to give next.

Made by ``Log.open_reader``, read by the gRPC thread while the trio thread
appends. A reader first gives the state, then replays from the store, then
follows the tail; one that the tail has outrun does the same again, and so does
one whose log was replaced by another, after a gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol

from p2pd.domain.conversations import MAX_READER_BYTES
from p2pd.domain.cursors import Cursor, cursor_from_text
from p2pd.domain.events import (
    CaughtUp,
    Event,
    EventBody,
    Gap,
    GapReason,
    MessageDelivery,
    NodeChanged,
    PeerConnected,
    PeerJoined,
    PeerLeft,
    ProfileChanged,
    Progress,
    ReadMarkerChanged,
    RoomMuted,
    Snapshot,
)
from p2pd.domain.messages import Message
from p2pd.domain.names import RoomName
from p2pd.domain.records import Direct
from p2pd.domain.sizes import size_of_message, size_of_node, size_of_peer, size_of_profile
from p2pd.domain.state import State
from p2pd.domain.window import Window
from p2pd.store.message_store import MessageStore

PEER_ID_BYTES = 64
SMALL_EVENT_BYTES = 400
"""What an event without a message, a peer or a node in it occupies, at most."""


@dataclass(slots=True)
class Entry:
    """An event as readers share it.

    Attributes:
        offset: Offset of the newest message at or before this event.
        encoded: The event in the form of the API, put there by its first user.
    """

    event: Event
    offset: int
    encoded: bytes | None = None

    @property
    def size_bytes(self) -> int:
        """What the event occupies in the API, at most."""
        match self.event.body:
            case Message() as message:
                return size_of_message(message)
            case PeerConnected(peer):
                return size_of_peer(peer)
            case NodeChanged(node):
                return size_of_node(node)
            case ProfileChanged(profile):
                return size_of_profile(profile)
            case Snapshot(node, peers):
                return size_of_node(node) + sum(map(size_of_peer, peers))
            case MessageDelivery(handed_to=handed_to, held_by=held_by):
                return SMALL_EVENT_BYTES + PEER_ID_BYTES * (len(handed_to) + len(held_by))
            case ReadMarkerChanged():
                return SMALL_EVENT_BYTES + MAX_READER_BYTES
            case _:
                return SMALL_EVENT_BYTES

    def is_in(self, rooms: frozenset[RoomName]) -> bool:
        """Return whether one who asked for these rooms wants it; no rooms means all.

        Direct messages are of no room: only a reader of all rooms is given them.
        """
        match self.event.body:
            case (
                Message(room=room)
                | PeerJoined(room=room)
                | PeerLeft(room=room)
                | RoomMuted(room=room)
            ):
                return not rooms or room in rooms
            case (
                ReadMarkerChanged(conversation=conversation)
                | MessageDelivery(conversation=conversation)
            ):
                return not rooms or isinstance(conversation, Direct) or conversation in rooms
            case _:
                return True


class Followed(Protocol):
    """The log as a reader of it needs it."""

    @property
    def store(self) -> MessageStore:
        """Where messages are stored."""

    @property
    def tail(self) -> Window[Entry]:
        """The newest events."""

    @property
    def clock_ns(self) -> Callable[[], int]:
        """The node's clock."""

    @property
    def hides(self) -> Callable[[Message], bool]:
        """Whether a stored message is shown to nobody."""

    def moment(self) -> tuple[State, int, int]:
        """Return the tail's end, and a state and last offset at or just past it."""

    def entry(self, body: EventBody, offset: int) -> Entry:
        """Make an event at an offset."""


class Reader:
    """Go through the log from a cursor, without a hole and without a repeat.

    Used by one thread at a time.
    """

    def __init__(
        self,
        log: Followed,
        after: str | None,
        rooms: frozenset[RoomName],
        until: Sequence[str] = (),
    ) -> None:
        self._log = log
        self._rooms = rooms
        self._until = until
        self._end: int | None = None
        """Offset of the last message to be given, where the reader ends at all."""
        self._offset = 0
        """Offset of the newest message given or passed over."""
        self._position = 0
        """Place in the tail from where to follow once the store is read."""
        self._target = 0
        """Offset up to which the store is read before the tail is followed."""
        self._known_dropped = 0
        """Holes up to here were there when the reader began, and are not reported."""
        self._epoch = ""
        """The log that is read; another one may take its place."""
        self._owes_caught_up = False
        """Whether the end of the backlog is still to be reported."""
        self._reported_offset = 0
        """Offset of the newest entry that was returned."""
        self._pending = self._begin(after)

    def read(self, max_bytes: int, max_entries: int | None = None) -> tuple[Entry, ...]:
        """Return the next entries, about ``max_bytes`` of them; empty when caught up."""
        batch: list[Entry] = []
        size_bytes = 0
        while size_bytes < max_bytes and len(batch) != max_entries:
            entry = next(self._pending, None)
            if entry is not None:
                batch.append(entry)
                size_bytes += entry.size_bytes
            elif self._is_caught_up():
                break
            else:
                self._pending = self._next_stretch(max_bytes)
        if batch:
            self._reported_offset = batch[-1].offset
        return tuple(batch)

    @property
    def reads_store(self) -> bool:
        """Whether the next ``read`` goes to the disk: then it is for a thread of its own."""
        is_behind = self._offset < self._target or self._position < self._log.tail.start
        return is_behind or self._is_replaced()

    @property
    def is_over(self) -> bool:
        """Whether the reader has given all up to where it ends."""
        return self._end is not None and self._offset >= self._end and not self._is_replaced()

    @property
    def has_progress(self) -> bool:
        """Whether messages were passed over since the newest entry that was returned."""
        return self._offset > self._reported_offset

    def progress(self) -> Entry:
        """Return an entry whose cursor is behind all that was passed over."""
        self._reported_offset = self._offset
        return self._entry(Progress())

    def close(self) -> None:
        """Release what the reader holds."""
        self._pending = iter(())

    def _is_caught_up(self) -> bool:
        if self.is_over:
            return True
        read_all = self._offset >= self._target and self._position == self._log.tail.end
        return read_all and not self._owes_caught_up and not self._is_replaced()

    def _is_replaced(self) -> bool:
        """Return whether the store was found damaged and another log begun."""
        return self._epoch != self._log.store.epoch

    def _begin(self, after: str | None) -> Iterator[Entry]:
        self._epoch = self._log.store.epoch
        state, self._position, self._target = self._log.moment()
        self._offset, gap = self._start_of(after)
        self._end = self._end_of(self._until)
        self._target = self._end or self._target
        self._owes_caught_up = after is not None
        self._reported_offset = self._offset
        if after is None or gap is None:
            return self._snapshot(state)
        # A reader that leaves before the gap resumes from the old cursor: the gap comes again.
        return chain(self._snapshot(state, after), [self._entry(gap)])

    def _snapshot(self, state: State, cursor: str | None = None) -> Iterator[Entry]:
        """Yield the state in as many events as its size needs, all at one cursor."""
        snapshot, rest = state.snapshot()
        bodies: Sequence[EventBody] = (snapshot, *rest)
        for body in bodies:
            entry = self._entry(body)
            if cursor is not None:
                entry = replace(entry, event=replace(entry.event, cursor=cursor))
            yield entry

    def _start_of(self, after: str | None) -> tuple[int, Gap | None]:
        store = self._log.store
        if after is None:
            return self._target, None
        cursor = cursor_from_text(after)
        if cursor and cursor.epoch == store.epoch and cursor.offset <= self._target:
            return cursor.offset, None
        self._known_dropped = store.dropped_until(self._rooms)
        gap = Gap(GapReason.UNKNOWN_CURSOR, 0) if after else None
        return min(store.first_offset - 1, self._target), gap

    def _end_of(self, until: Sequence[str]) -> int | None:
        """Return the first offset behind the reader's that has one of these cursors."""
        cursors = filter(None, map(cursor_from_text, until))
        offsets = (one.offset for one in cursors if one.epoch == self._epoch)
        ahead = (one for one in offsets if self._offset < one <= self._target)
        return min(ahead, default=None)

    def _next_stretch(self, max_bytes: int) -> Iterator[Entry]:
        if self._is_replaced():
            return self._begin(str(Cursor(self._epoch, self._offset)))
        if self._offset < self._target:
            return self._stored(max_bytes)
        if self._owes_caught_up:
            self._owes_caught_up = False
            return iter([self._entry(CaughtUp())])
        if self._position < self._log.tail.start:
            return self._restart()
        return self._live()

    def _stored(self, max_bytes: int) -> Iterator[Entry]:
        while self._offset < self._target:
            messages = self._log.store.read(self._offset, self._target, max_bytes)
            if self._is_replaced():
                return
            for stored in messages:
                if stored.offset > self._offset + 1:
                    yield from self._hole(stored.offset - 1)
                self._offset = stored.offset
                entry = self._log.entry(stored.message, stored.offset)
                if entry.is_in(self._rooms) and not self._log.hides(stored.message):
                    yield entry
            if not messages:
                yield from self._hole(self._target)

    def _hole(self, end: int) -> Iterator[Entry]:
        """Pass over what is no longer stored; report it where this reader may have wanted it.

        Rooms are trimmed one by one, so holes lie among messages as well. One that
        begins above all that was dropped of this reader's rooms is of other rooms;
        one that was there when a reader began at the beginning is not news to it.
        """
        begin, self._offset = self._offset, end
        if self._log.store.dropped_until(self._rooms) > max(begin, self._known_dropped):
            missing = end - begin - self._log.store.count_others(begin, end)
            if missing:
                yield self._entry(Gap(GapReason.EXPIRED, missing))

    def _restart(self) -> Iterator[Entry]:
        """Replay from the store once more, then give the state anew."""
        state, self._position, self._target = self._log.moment()
        yield from self._stored(max_bytes=1 << 18)
        yield from self._snapshot(state)

    def _live(self) -> Iterator[Entry]:
        for position, entry in self._log.tail.iterate(self._position):
            if position != self._position:
                return
            self._position = position + 1
            if isinstance(entry.event.body, Message):
                if entry.offset <= self._offset:
                    continue
                self._offset = entry.offset
                if self._log.hides(entry.event.body):
                    continue
            if entry.is_in(self._rooms):
                yield entry

    def _entry(self, body: EventBody) -> Entry:
        cursor = Cursor(self._log.store.epoch, self._offset)
        return Entry(Event(str(cursor), self._log.clock_ns(), body), self._offset)
