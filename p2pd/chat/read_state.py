"""Who read how far, and what is unread: the only writer of read markers.

Called by the API, and by the log with every message that is stored. A marker is an
offset in this node's log: whatever is stored later is unread, however old it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from p2pd.chat.unread_index import UnreadIndex
from p2pd.domain.conversations import ConversationState, ReaderName
from p2pd.domain.events import ReadMarkerChanged
from p2pd.domain.names import PeerId
from p2pd.domain.records import Conversation
from p2pd.log.log import Log
from p2pd.store.message_store import IsMention, Stored
from p2pd.store.reads import run_read

MAX_INDEXES = 1024
"""Conversations whose offsets are in memory; the one asked for longest ago is read anew."""


class ReadState:
    """The markers of all readers, and the counts that follow from them.

    Args:
        author_bytes: What the ids of our own messages begin with.

    Attributes:
        hidden: Returns the authors whose messages are not shown.
    """

    def __init__(self, log: Log, author_bytes: bytes, is_mention: IsMention) -> None:
        self._log = log
        self._author_bytes = author_bytes
        self._author = author_bytes.hex()
        self._is_mention = is_mention
        self.hidden: Callable[[], Sequence[PeerId]] = tuple
        self._indexes: dict[Conversation, UnreadIndex] = {}
        """In the order in which they were asked for."""
        log.on_stored.append(self.messages_stored)

    def messages_stored(self, stored: Sequence[Stored]) -> None:
        """Count what was stored, in conversations that were asked for."""
        if not self._indexes:
            return
        for one in stored:
            index = self._indexes.get(one.message.conversation)
            if index is not None and not self._log.hides(one.message):
                is_own = one.message.message_id.startswith(self._author)
                is_mention = self._is_mention(one.message)
                index.append(one.offset, is_own=is_own, is_mention=is_mention)

    def forget(self, conversation: Conversation) -> None:
        """Drop what is in memory of a conversation."""
        self._indexes.pop(conversation, None)

    async def states(
        self, reader: ReaderName, conversations: Sequence[Conversation]
    ) -> list[ConversationState]:
        """Return how these conversations are for a reader.

        Raises:
            StorageFailedError: The store cannot be read.
        """
        states = []
        for conversation in conversations:
            index = await self._loaded(conversation)
            states.append(self._state(reader, conversation, index))
        return states

    async def set_marker(
        self, reader: ReaderName, conversation: Conversation, cursor: str
    ) -> ConversationState:
        """Remember that a reader has read up to a cursor, forward or back.

        Raises:
            InvalidInputError: Not a cursor of this log.
            StorageFullError: There is no room to store it.
            StorageFailedError: The disk refuses.
        """
        index = await self._loaded(conversation)
        store = self._log.store.read_state
        until = self._log.offset_of_cursor("cursor", cursor)
        before = store.markers(reader).get(conversation)
        store.save_marker(reader, conversation, until)
        state = self._state(reader, conversation, index)
        if state.read_until != before:
            self._log.emit(
                ReadMarkerChanged(
                    reader,
                    conversation,
                    self._log.cursor(until),
                    state.unread_count,
                    state.mention_count,
                )
            )
        await store.wait_committed()
        return state

    def _state(
        self, reader: ReaderName, conversation: Conversation, index: UnreadIndex
    ) -> ConversationState:
        store = self._log.store
        index.drop(store.dropped_until(frozenset({conversation})))
        read_until = store.read_state.markers(reader).get(conversation)
        unread, mentions = index.counts_after(read_until or 0)
        return ConversationState(conversation, unread, mentions, index.newest or None, read_until)

    async def _loaded(self, conversation: Conversation) -> UnreadIndex:
        """Return a conversation's index; one that is being loaded is waited for."""
        while True:
            index = self._indexes.pop(conversation, None)
            if index is None or not self._is_valid(index):
                index = UnreadIndex(self._log.store.epoch, self.hidden())
                self._indexes[conversation] = index
                await self._load(conversation, index)
            else:
                self._indexes[conversation] = index
                await index.is_loaded.wait()
            if self._indexes.get(conversation) is index and self._is_valid(index):
                return index

    def _is_valid(self, index: UnreadIndex) -> bool:
        return index.epoch == self._log.store.epoch and index.hidden == self.hidden()

    async def _load(self, conversation: Conversation, index: UnreadIndex) -> None:
        """Read what is stored up to now; what comes meanwhile is appended to the index."""
        if len(self._indexes) > MAX_INDEXES:
            del self._indexes[next(iter(self._indexes))]
        store = self._log.store
        read = partial(
            store.read_state.stored_offsets,
            conversation,
            self._author_bytes,
            store.last_offset,
            index.hidden,
        )
        try:
            index.load(await run_read(store.reads, read))
        except BaseException:
            if self._indexes.get(conversation) is index:
                del self._indexes[conversation]
            index.is_loaded.set()
            raise
