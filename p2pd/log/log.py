"""The log itself: a store of messages, a tail of everything, the present state.

The trio thread appends; readers in any thread follow. Nothing else writes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from p2pd.domain.cursors import Cursor, cursor_from_text
from p2pd.domain.events import Event, EventBody, Fact, Gap, GapReason
from p2pd.domain.messages import Message
from p2pd.domain.names import RoomName
from p2pd.domain.records import Conversation
from p2pd.domain.sizes import MAX_ITEMS_BYTES
from p2pd.domain.state import State, state_after
from p2pd.domain.window import Window
from p2pd.errors import InvalidInputError
from p2pd.log.reader import Entry, Reader
from p2pd.store.message_store import Dropped, MessageStore, Stored, StoredPage
from p2pd.sync.room_items import RoomItems

TAIL_MAX_ENTRIES = 16_384
TAIL_MAX_BYTES = 16 << 20
MAX_HIDDEN_PAGES = 50
"""Of which nothing is shown; behind more of them, a page is empty but names the next."""


@dataclass(frozen=True, slots=True)
class Page:
    """Some messages of a conversation, oldest first.

    Attributes:
        next_cursor: Where the next page in the same direction begins; empty at
            the end.
        gap: What is missing between the cursor asked for and the page.
    """

    events: tuple[Event, ...]
    next_cursor: str
    gap: Gap | None = None


class Log:
    """Append facts, and wake readers.

    Attributes:
        on_stored: Called with what was appended, in the trio thread; must not raise.
    """

    def __init__(
        self,
        store: MessageStore,
        state: State,
        *,
        tail_max_entries: int = TAIL_MAX_ENTRIES,
        tail_max_bytes: int = TAIL_MAX_BYTES,
        clock_ns: Callable[[], int] = time.time_ns,  # noqa: TID251
    ) -> None:
        self.store = store
        self.items = RoomItems(store, clock_ns)
        self.tail: Window[Entry] = Window(tail_max_entries, tail_max_bytes)
        self.clock_ns = clock_ns
        self.hides: Callable[[Message], bool] = lambda _: False
        """Whether a stored message is shown to nobody; set once, called in any thread."""
        self._state = state
        self._callbacks: list[Callable[[], None]] = []
        self.on_stored: list[Callable[[Sequence[Stored]], None]] = []

    @property
    def state(self) -> State:
        """The present state."""
        return self._state

    def append(
        self, messages: Sequence[Message], *, are_readers_woken: bool = True
    ) -> tuple[Message, ...]:
        """Store the messages that are not in the log yet, and wake readers.

        Args:
            are_readers_woken: False where the caller wakes them soon, by ``wake_readers``.

        Returns:
            The messages that were new, in order.

        Raises:
            StorageFullError: No room; none of them was stored.
            StorageFailedError: They cannot be written; none of them was stored.
        """
        stored = self.store.append(messages)
        for one in stored:
            entry = self.entry(one.message, one.offset)
            self.tail.append(entry, entry.size_bytes)
            if one.message.peer_id is None:
                self.items.appended(one.message)
        for call in self.on_stored:
            call(stored)
        if stored and are_readers_woken:
            self.wake_readers()
        return tuple(one.message for one in stored)

    def dropped(self, room: RoomName, dropped: Sequence[Dropped]) -> None:
        """Handle that retention removed messages of a room."""
        for one in dropped:
            self.items.dropped(room, one)

    def emit(self, fact: Fact) -> None:
        """Emit a fact that is not stored: a peer's coming or going, a change of the node."""
        entry = self.entry(fact, self.store.last_offset)
        self._state = state_after(self._state, fact)
        self.tail.append(entry, entry.size_bytes)
        self.wake_readers()

    def on_append(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` after every append, in whichever thread wakes readers.

        Returns:
            A function that ends it.
        """
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback)

    def open_reader(
        self,
        after: str | None,
        rooms: frozenset[RoomName] = frozenset(),
        until: Sequence[str] = (),
    ) -> Reader:
        """Begin to read behind a cursor; None is the present, "" the beginning.

        Args:
            until: Cursors; the reader is over behind the first stored message of them.
        """
        return Reader(self, after, rooms, until)

    def moment(self) -> tuple[State, int, int]:
        """Return the tail's end, and a state and last offset at or just past it.

        Callable from any thread. The writer moves the store and the state before
        the tail, so reading the tail's end first can only repeat, never miss; a
        reader passes over the messages that it has given already.
        """
        end = self.tail.end
        return self._state, end, self.store.last_offset

    def entry(self, body: EventBody, offset: int) -> Entry:
        """Make an event at an offset; a message happened when it was received."""
        time_ns = body.receive_time_ns if isinstance(body, Message) else self.clock_ns()
        return Entry(Event(self.cursor(offset), time_ns, body), offset)

    def cursor(self, offset: int) -> str:
        """Write the cursor of an offset."""
        return str(Cursor(self.store.epoch, offset))

    def page(
        self, conversation: Conversation, *, before: str | None, after: str | None, limit: int
    ) -> Page:
        """Read messages of a conversation before or after a cursor, or the newest.

        A page ends where its messages would not fit into one response.

        Raises:
            InvalidInputError: Not a cursor.
        """
        if after is not None:
            return self._page_after(conversation, after, limit)
        place = self._place("before", before) if before else None
        end = self.store.last_offset + 1 if place is None else place
        page = self.store.page_before(conversation, end, limit, MAX_ITEMS_BYTES)
        for _ in range(MAX_HIDDEN_PAGES):
            if not page.more or not self._is_hidden(page):
                break
            page = self.store.page_before(
                conversation, page.messages[0].offset, limit, MAX_ITEMS_BYTES
            )
        gap = Gap(GapReason.UNKNOWN_CURSOR, 0) if before and place is None else None
        return self._page(page, 0, gap)

    def offset_of_cursor(self, field: str, text: str) -> int:
        """Return the offset of a cursor; "" is the beginning.

        Raises:
            InvalidInputError: Not a cursor of this log.
        """
        offset = self._place(field, text) if text else 0
        if offset is None:
            raise InvalidInputError(field, "INVALID_CURSOR", "not a cursor of this log")
        return offset

    def _page_after(self, conversation: Conversation, after: str, limit: int) -> Page:
        place = self._place("after", after) if after else 0
        gap = None
        if place is None:
            gap = Gap(GapReason.UNKNOWN_CURSOR, 0)
        elif after and place < (dropped := self.store.dropped_until(frozenset({conversation}))):
            gap = Gap(GapReason.EXPIRED, dropped - place)
        page = self.store.page_after(conversation, place or 0, limit, MAX_ITEMS_BYTES)
        for _ in range(MAX_HIDDEN_PAGES):
            if not page.more or not self._is_hidden(page):
                break
            page = self.store.page_after(
                conversation, page.messages[-1].offset, limit, MAX_ITEMS_BYTES
            )
        return self._page(page, -1, gap)

    def _page(self, page: StoredPage, edge: int, gap: Gap | None) -> Page:
        shown = (one for one in page.messages if not self.hides(one.message))
        events = tuple(self.entry(one.message, one.offset).event for one in shown)
        next_cursor = self.cursor(page.messages[edge].offset) if page.more else ""
        return Page(events, next_cursor, gap)

    def _is_hidden(self, page: StoredPage) -> bool:
        """Return whether nothing of a page is shown."""
        return all(self.hides(one.message) for one in page.messages)

    def _place(self, field: str, text: str) -> int | None:
        """Return a cursor's offset, None where it is of another log."""
        cursor = cursor_from_text(text)
        if cursor is None:
            raise InvalidInputError(field, "INVALID_CURSOR", "not a cursor of this API")
        known = cursor.epoch == self.store.epoch and cursor.offset <= self.store.last_offset
        return cursor.offset if known else None

    def wake_readers(self) -> None:
        """Have readers look for what is new; callable from any thread."""
        for callback in self._callbacks:
            callback()
