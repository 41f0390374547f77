"""Facts for tests of pure parts: messages, peers and nodes with what matters set."""

from __future__ import annotations

from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM, MessageId, PeerId, RoomName
from p2pd.domain.peers import Node, Peer

NOW_NS = 1_750_000_000 * 10**9


def make_message(number: int, room: RoomName = DEFAULT_ROOM, data: bytes = b"hello") -> Message:
    """Make the message with this number; its id is the number in hexadecimal."""
    return Message(
        message_id=MessageId(f"{number:032x}"),
        room=room,
        author_id=PeerId("author"),
        data=data,
        seqno=NOW_NS + number,
        receive_time_ns=NOW_NS + number,
        forwarder_id=PeerId("forwarder"),
        signed_bytes=b"signed",
    )


def make_node(*rooms: RoomName) -> Node:
    """Make a node that joined these rooms."""
    return Node(
        peer_id=PeerId("self"),
        addresses=(),
        agent="wsp/test",
        rooms=rooms,
        version="test",
        max_message_bytes=32_768,
        start_time_ns=NOW_NS,
    )


def make_peer(name: str) -> Peer:
    """Make a connected peer."""
    return Peer(PeerId(name))


def message_id_of(author: bytes, seqno: int) -> MessageId:
    """Name a message as the GossipSub specification does by default."""
    return MessageId((author + seqno.to_bytes(8, "big")).hex())
