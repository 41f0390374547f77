"""The facts a node reports: each is past, frozen, and true when it is emitted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from p2pd.domain.conversations import ReaderName
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.peers import Node, Peer
from p2pd.domain.profiles import KnownProfile
from p2pd.domain.records import Conversation


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The present state: first in every stream, and again for a reader that fell behind.

    Attributes:
        peers: The first of the connected peers, as many as fit into one event;
            the others follow it as ``PeerConnected``.
        peer_count: How many peers are connected.
    """

    node: Node
    peers: tuple[Peer, ...]
    peer_count: int


@dataclass(frozen=True, slots=True)
class PeerConnected:
    """A peer is connected, its connection secured; reported again once it is identified."""

    peer: Peer


@dataclass(frozen=True, slots=True)
class PeerDisconnected:
    """The last connection to a peer is gone."""

    peer_id: PeerId


@dataclass(frozen=True, slots=True)
class PeerJoined:
    """A connected peer is in a room."""

    peer_id: PeerId
    room: RoomName


@dataclass(frozen=True, slots=True)
class PeerLeft:
    """A peer is no longer in a room."""

    peer_id: PeerId
    room: RoomName


class GapReason(Enum):
    """Why events are missing."""

    EXPIRED = "expired"
    UNKNOWN_CURSOR = "unknown_cursor"
    NOT_STORED = "not_stored"


@dataclass(frozen=True, slots=True)
class Gap:
    """Events that a reader will not get; ``missing`` is 0 where it cannot be known."""

    reason: GapReason
    missing: int


@dataclass(frozen=True, slots=True)
class NodeChanged:
    """The node's own addresses, rooms, reach or storage changed."""

    node: Node


@dataclass(frozen=True, slots=True)
class ProfileChanged:
    """What is known of a peer's profile or petname changed.

    Attributes:
        name_seen_before: Whether another peer is known by a name that looks the same, and
            this one has it for the first time.
    """

    profile: KnownProfile
    name_seen_before: bool


@dataclass(frozen=True, slots=True)
class MessageDelivery:
    """More is known of who has one of this node's own messages.

    Attributes:
        handed_to: Peers that it was handed to since the start.
        held_by: Peers known to have stored it.
    """

    message_id: MessageId
    conversation: Conversation
    handed_to: tuple[PeerId, ...]
    held_by: tuple[PeerId, ...]


@dataclass(frozen=True, slots=True)
class ReadMarkerChanged:
    """A reader has read a conversation up to another place, on whichever page.

    Attributes:
        read_cursor: The marker.
        unread_count: Messages of others behind it.
        mention_count: Those of them that mention this node.
    """

    reader: ReaderName
    conversation: Conversation
    read_cursor: str
    unread_count: int
    mention_count: int


@dataclass(frozen=True, slots=True)
class PeerBlocked:
    """A peer was blocked or unblocked."""

    peer_id: PeerId
    is_blocked: bool


@dataclass(frozen=True, slots=True)
class MessageHidden:
    """A message was hidden, or is shown again."""

    message_id: MessageId
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class RoomMuted:
    """A room was muted, or is no more."""

    room: RoomName
    is_muted: bool


@dataclass(frozen=True, slots=True)
class CaughtUp:
    """A reader has been sent everything that was stored when it began."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The log has grown by nothing that a reader asked for."""


Fact: TypeAlias = (
    Message
    | PeerConnected
    | PeerDisconnected
    | PeerJoined
    | PeerLeft
    | NodeChanged
    | ProfileChanged
    | PeerBlocked
    | MessageHidden
    | RoomMuted
    | Gap
    | ReadMarkerChanged
    | MessageDelivery
)
"""What is appended to the log's tail."""
EventBody: TypeAlias = Fact | Snapshot | CaughtUp | Progress
"""What a reader is given."""


@dataclass(frozen=True, slots=True)
class Event:
    """A fact with its place in the log.

    Attributes:
        cursor: Where a reader that has handled this event goes on.
        time_ns: When it happened, nanoseconds since the epoch.
    """

    cursor: str
    time_ns: int
    body: EventBody
