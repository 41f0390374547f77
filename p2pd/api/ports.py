"""What the API needs of the node: small protocols, implemented below in ``p2pd.chat``.

Every method is called in the trio thread, through the bridge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from p2pd.domain.conversations import ConversationState, ReaderName
from p2pd.domain.deliveries import MessageState
from p2pd.domain.directs import DirectRequest
from p2pd.domain.events import Event
from p2pd.domain.invites import Accepted, Invite
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.peers import Node, Peer
from p2pd.domain.profiles import KnownProfile, Profile
from p2pd.domain.publishes import Publish, Published
from p2pd.domain.records import Conversation
from p2pd.domain.rooms import Room
from p2pd.domain.search import FoundPage, SearchQuery
from p2pd.errors import ChatError
from p2pd.log.log import Page
from p2pd.log.reader import Reader
from p2pd.store.reads import Reads


class Publishing(Protocol):
    """Publish messages."""

    async def publish(
        self, publishes: Sequence[Publish], accepted: Callable[[], None] | None = None
    ) -> list[Published | ChatError]:
        """Publish in order; return the answer or the error of each.

        Args:
            accepted: Called once all have their place in the log: what is published
                from then on comes behind them.
        """

    def publish_now(
        self,
        publishes: Sequence[Publish],
        settled: Callable[[list[Published | ChatError]], None],
    ) -> bool:
        """Publish in order as one call, where nothing but the disk has to be waited for.

        Args:
            settled: Called once, perhaps at once and in any thread, with the answer or
                the error of each. It must not raise.

        Returns:
            Whether they are published; else nothing was done, and ``publish`` may wait.
        """


class Joining(Protocol):
    """Join and leave rooms."""

    async def join(self, room: RoomName) -> None:
        """Join a room; joined already is fine."""

    async def leave(self, room: RoomName) -> None:
        """Leave a room; not joined is fine."""


class Listing(Protocol):
    """Look up the node, its peers and its rooms."""

    def node(self) -> Node:
        """Return who and where this node is."""

    def peers(self, room: RoomName | None) -> tuple[Peer, ...]:
        """List the connected peers, or those in one room, by id."""

    def rooms(self) -> tuple[Room, ...]:
        """List the joined rooms by name."""

    def room(self, room: RoomName) -> Room:
        """Describe a room."""


class Connecting(Protocol):
    """Connect to peers."""

    async def connect(self, address: str) -> Peer:
        """Dial a peer and hold the connection."""


class Inviting(Protocol):
    """Make and accept invites."""

    def create(self, room: RoomName) -> Invite:
        """Write down where this node can be found in a joined room."""

    async def accept(self, invite: Invite, within_s: float) -> Accepted:
        """Join the room and dial the peer, now and later."""


class Profiling(Protocol):
    """Who peers say they are, and what they are called here."""

    async def get(self, peer_id: PeerId, within_s: float) -> KnownProfile:
        """Return what is known of a peer, asking for it where that is nothing."""

    def all_known(self) -> tuple[KnownProfile, ...]:
        """Return all that have a profile or a petname, by id."""

    async def set_own(self, profile: Profile) -> KnownProfile:
        """Publish what this node's person says of themselves."""

    async def set_petname(self, peer_id: PeerId, petname: str) -> KnownProfile:
        """Call a peer by another name at this node."""


class Blocking(Protocol):
    """Leave a person alone."""

    @property
    def blocked(self) -> tuple[PeerId, ...]:
        """The blocked peers, by id."""

    async def block(self, peer_id: PeerId) -> None:
        """Want nothing of a peer from now on."""

    async def unblock(self, peer_id: PeerId) -> None:
        """Admit a peer again."""

    async def disconnect(self, peer_id: PeerId, *, forget: bool) -> None:
        """Close the connections to a peer and dial it no more until a caller names it."""


class Showing(Protocol):
    """Hide messages and mute rooms."""

    async def hide_message(self, message_id: MessageId, *, is_hidden: bool) -> None:
        """Show a message to nobody, or show it again."""

    async def mute_room(self, room: RoomName, *, is_muted: bool) -> None:
        """Want no notice of what is said in a room, or want it again."""


class Reading(Protocol):
    """Read the log."""

    def open_reader(
        self, after: str | None, rooms: frozenset[RoomName], until: Sequence[str]
    ) -> Reader:
        """Read the log behind a cursor, to the first of some others; no rooms means all."""

    @property
    def reads(self) -> Reads:
        """Where readers that are behind are read."""

    async def page(
        self, conversation: Conversation, *, before: str | None, after: str | None, limit: int
    ) -> Page:
        """Read stored messages of a room, or of the conversation with a peer."""


class Conversing(Protocol):
    """List conversations and mark how far they were read."""

    async def list(self, reader: ReaderName) -> list[ConversationState]:
        """Return all conversations, in the order of their keys."""

    async def set_read_marker(
        self, reader: ReaderName, conversation: Conversation, cursor: str
    ) -> ConversationState:
        """Remember that a reader has read a conversation up to a cursor."""

    def cursor(self, offset: int) -> str:
        """Write the cursor of an offset."""

    def message_at(self, offset: int) -> Event | None:
        """Read the message at an offset; called in one of the store's threads."""


class Delivering(Protocol):
    """Look up messages and who has them."""

    async def message(self, message_id: MessageId) -> MessageState:
        """Return a stored message, and who has it."""


class Searching(Protocol):
    """Search in stored messages."""

    async def find(self, query: SearchQuery, before: int | None, limit: int) -> FoundPage:
        """Return messages that match, the newest first."""


class Requesting(Protocol):
    """Direct messages that wait for consent."""

    @property
    def waiting(self) -> tuple[DirectRequest, ...]:
        """What waits, by peer id."""

    async def accept(self, peer_id: PeerId) -> int:
        """Accept the conversation with a peer; return how many messages waited."""

    async def decline(self, peer_id: PeerId) -> None:
        """Remove what waits of a peer, and want no more of it."""


class RoomForgetting(Protocol):
    """Leave rooms and erase them."""

    async def forget(self, room: RoomName) -> None:
        """Leave a room, and erase every message of it."""


@dataclass(frozen=True, slots=True)
class ChatPorts:
    """All of it, handed to the API as one."""

    publishing: Publishing
    membership: Joining
    directory: Listing
    dialling: Connecting
    feed: Reading
    inviting: Inviting
    profiles: Profiling
    conversations: Conversing
    blocks: Blocking
    deliveries: Delivering
    shown: Showing
    searching: Searching
    requests: Requesting
    forgetting: RoomForgetting
