"""How a message of this node is signed and sent, to a room or to one peer.

Used by ``publisher``; what a peer has not acknowledged is delivered by ``direct_outbox``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias, TypeVar

from p2pd.chat.direct_conversations import DirectConversations
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.records import Conversation, Direct
from p2pd.errors import InvalidInputError, PeerBlockedError
from p2pd.net.direct import SignedDirect
from p2pd.net.pubsub.gossip import SignedMessage

Signed: TypeAlias = SignedMessage | SignedDirect
"""One of our own messages, to a room or to one peer."""


TargetT_contra = TypeVar("TargetT_contra", contravariant=True)
SignedT = TypeVar("SignedT")


class Courier(Protocol[TargetT_contra, SignedT]):
    """The network as the publisher needs it, or the rooms of it."""

    def sign(self, target: TargetT_contra, data: bytes, /) -> SignedT:
        """Sign a message with the next sequence number."""

    async def send(self, message: SignedT) -> int:
        """Hand a message to the peers of its room; return how many took it."""

    @property
    def can_send_now(self) -> bool:
        """Whether ``send`` would wait for nobody."""

    def send_now(self, message: SignedT) -> int:
        """Hand a message to the peers of its room without waiting; return how many took it."""

    def send_pressure(self) -> float:
        """Return how full the fullest queue to a peer is, 0.0 to 1.0."""


class DirectSigning(Protocol):
    """The direct messages of the network."""

    own_id: PeerId

    def sign(self, peer_id: PeerId, data: bytes) -> SignedDirect:
        """Sign a message to a peer with the next sequence number."""


class Couriers:
    """A ``Courier`` for both: writing to a peer accepts its conversation.

    A direct message is handed to nobody here: it is in its outbox once it is in the log.
    """

    def __init__(
        self,
        rooms: Courier[RoomName, SignedMessage],
        directs: DirectSigning,
        conversations: DirectConversations,
        is_blocked: Callable[[PeerId], bool] = lambda _: False,
    ) -> None:
        self._is_blocked = is_blocked
        self._rooms = rooms
        self._directs = directs
        self._conversations = conversations

    def sign(self, conversation: Conversation, data: bytes) -> Signed:
        """Sign a message with the next sequence number.

        Raises:
            InvalidInputError: It is a direct message to this node itself.
            PeerBlockedError: It is a direct message to a peer that is blocked.
            ChatError: The conversation cannot be accepted, or the message not be sent.
        """
        if not isinstance(conversation, Direct):
            return self._rooms.sign(conversation, data)
        if conversation.peer_id == self._directs.own_id:
            raise InvalidInputError(
                "peer_id", "DIRECT_TO_SELF", "this is the node's own id; write to another peer"
            )
        if self._is_blocked(conversation.peer_id):
            raise PeerBlockedError(conversation.peer_id)
        self._conversations.accept(conversation.peer_id)
        return self._directs.sign(conversation.peer_id, data)

    async def send(self, message: Signed) -> int:
        """Hand a message to the peers of its room; return how many took it."""
        return 0 if isinstance(message, SignedDirect) else await self._rooms.send(message)

    @property
    def can_send_now(self) -> bool:
        """Whether ``send`` would wait for nobody."""
        return self._rooms.can_send_now

    def send_now(self, message: Signed) -> int:
        """Hand a message to the peers of its room without waiting; return how many took it."""
        return 0 if isinstance(message, SignedDirect) else self._rooms.send_now(message)

    def send_pressure(self) -> float:
        """Return how full the fullest queue to a peer is, 0.0 to 1.0."""
        return self._rooms.send_pressure()
