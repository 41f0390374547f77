"""The conversations of this node as a reader sees them. Called by the API."""

from __future__ import annotations

from p2pd.chat.direct_conversations import DirectConversations
from p2pd.chat.membership import Membership
from p2pd.chat.read_state import ReadState
from p2pd.domain.conversations import ConversationState, ReaderName
from p2pd.domain.events import Event
from p2pd.domain.records import Conversation, Direct
from p2pd.errors import InvalidInputError, RoomNotJoinedError
from p2pd.log.log import Log

LOOKED_AT_ONCE = 20
"""Messages, for the newest one that is shown."""


class Conversations:
    """List conversations and mark how far they were read."""

    def __init__(
        self,
        log: Log,
        membership: Membership,
        directs: DirectConversations,
        read_state: ReadState,
    ) -> None:
        self._directs = directs
        self._log = log
        self._membership = membership
        self._read_state = read_state

    async def list(self, reader: ReaderName) -> list[ConversationState]:
        """Return all conversations, in the order of their keys.

        Raises:
            StorageFailedError: The store cannot be read.
        """
        states = await self._read_state.states(reader, (*self._membership.joined, *self._of_peers))
        return sorted(states, key=lambda state: state.key)

    async def set_read_marker(
        self, reader: ReaderName, conversation: Conversation, cursor: str
    ) -> ConversationState:
        """Remember that a reader has read a conversation up to a cursor.

        Raises:
            RoomNotJoinedError: The room is not joined.
            InvalidInputError: Not a cursor of this log, or no conversation with this peer.
            StorageFullError: There is no room to store it.
            StorageFailedError: The disk refuses.
        """
        self._check(conversation)
        return await self._read_state.set_marker(reader, conversation, cursor)

    def cursor(self, offset: int) -> str:
        """Write the cursor of an offset."""
        return self._log.cursor(offset)

    def message_at(self, offset: int) -> Event | None:
        """Read the newest message up to an offset that is shown, in one of the store's threads."""
        stored = self._log.store.read(offset - 1, offset, 1)
        if not stored or not self._log.hides(stored[0].message):
            return self._log.entry(stored[0].message, offset).event if stored else None
        conversation, before = stored[0].message.conversation, self._log.cursor(offset)
        page = self._log.page(conversation, before=before, after=None, limit=LOOKED_AT_ONCE)
        shown = page.events
        return shown[-1] if shown else None

    @property
    def _of_peers(self) -> frozenset[Direct]:
        """The conversations with peers: accepted, or with messages."""
        stored = (one for one in self._log.store.conversations() if isinstance(one, Direct))
        return frozenset((*map(Direct, self._directs.accepted), *stored))

    def _check(self, conversation: Conversation) -> None:
        if isinstance(conversation, Direct):
            if conversation in self._of_peers:
                return
            raise InvalidInputError("peer_id", "NO_CONVERSATION", "no conversation with this peer")
        if conversation not in self._membership:
            raise RoomNotJoinedError(conversation)
