"""Direct messages that wait for consent, as bytes for the store and back.

Called by ``p2pd.chat.direct_requests``.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from wsp.direct.v1 import direct_pb2

from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId
from p2pd.net.direct.records import NO_ROOM


def bytes_from_waiting(message: Message) -> bytes:
    """Write a message of a peer to this node."""
    return direct_pb2.WaitingMessage(
        peer_id=message.author_id,
        message_id=message.message_id,
        seqno=message.seqno,
        receive_time_ns=message.receive_time_ns,
        data=message.data,
        encoded=message.signed_bytes,
    ).SerializeToString()


def waiting_from_bytes(stored: bytes) -> Message | None:
    """Read a message that waits; None where it is damaged."""
    try:
        waiting = direct_pb2.WaitingMessage.FromString(stored)
        bytes.fromhex(waiting.message_id)
    except (DecodeError, ValueError):
        return None
    peer_id = PeerId(waiting.peer_id)
    return Message(
        message_id=MessageId(waiting.message_id),
        room=NO_ROOM,
        author_id=peer_id,
        data=waiting.data,
        seqno=waiting.seqno,
        receive_time_ns=waiting.receive_time_ns,
        forwarder_id=peer_id,
        signed_bytes=waiting.encoded,
        peer_id=peer_id,
    )
