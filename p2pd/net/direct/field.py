"""Direct messages in the protocol of the field, which knows neither ids nor signatures.

Used by ``delivery`` and ``serving``. The secure channel says who the author is; the
timestamp and the content stand for an id.

Source: universal-connectivity, js-peer/src/lib/protobuf/direct-message.proto
"""

from __future__ import annotations

import hashlib

from google.protobuf.message import DecodeError
from libp2p.peer.id import ID
from wsp.direct.v1 import direct_pb2

from p2pd.domain.directs import DirectVerdict
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId
from p2pd.domain.rejections import MessageRefusedError, RejectionReason
from p2pd.net.direct.records import NO_ROOM, NS_PER_MS
from p2pd.net.pubsub.messages import MAX_DATA_BYTES, SEQNO_BYTES

TEXT_TYPE = "text/plain"
MAX_FRAME_BYTES = 65_536
_MAX_SEQNO = (1 << 64) - 1
_STATUS_TEXTS = {
    DirectVerdict.BUSY: "not now, send it again later",
    DirectVerdict.DECLINED: "not accepted",
    DirectVerdict.INVALID: "malformed or too large",
}


def request_from_message(data: bytes, seqno: int, agent: str) -> direct_pb2.FieldRequest:
    """Make the request that carries one of our own messages.

    The field's content is text: bytes that are not UTF-8 become replacement characters.
    """
    return direct_pb2.FieldRequest(
        metadata=direct_pb2.FieldMetadata(client_version=agent, timestamp=seqno // NS_PER_MS),
        content=data.decode(errors="replace"),
        type=TEXT_TYPE,
    )


def message_from_request(encoded: bytes, peer_id: PeerId, now_ns: int) -> Message:
    """Read a request of a peer as a message of its own.

    Raises:
        MessageRefusedError: It is malformed, empty or too large.
    """
    try:
        request = direct_pb2.FieldRequest.FromString(encoded)
    except (DecodeError, ValueError):
        raise MessageRefusedError(RejectionReason.DIRECT_MALFORMED) from None
    data = request.content.encode()
    if not data or len(data) > MAX_DATA_BYTES:
        raise MessageRefusedError(RejectionReason.DIRECT_MALFORMED)
    timestamp_ms = max(0, request.metadata.timestamp)
    return Message(
        message_id=_message_id(peer_id, timestamp_ms, data),
        room=NO_ROOM,
        author_id=peer_id,
        data=data,
        seqno=min(timestamp_ms * NS_PER_MS, _MAX_SEQNO),
        receive_time_ns=now_ns,
        forwarder_id=peer_id,
        signed_bytes=encoded,
        peer_id=peer_id,
    )


def response_from_verdict(
    verdict: DirectVerdict, agent: str, now_ns: int
) -> direct_pb2.FieldResponse:
    """Answer a request."""
    is_ok = verdict is DirectVerdict.STORED
    return direct_pb2.FieldResponse(
        metadata=direct_pb2.FieldMetadata(client_version=agent, timestamp=now_ns // NS_PER_MS),
        status=direct_pb2.FIELD_STATUS_OK if is_ok else direct_pb2.FIELD_STATUS_ERROR,
        status_text=None if is_ok else _STATUS_TEXTS[verdict],
    )


def verdict_from_response(encoded: bytes) -> DirectVerdict:
    """Read an answer; all but OK may be sent again."""
    try:
        response = direct_pb2.FieldResponse.FromString(encoded)
    except (DecodeError, ValueError):
        return DirectVerdict.BUSY
    is_ok = response.status == direct_pb2.FIELD_STATUS_OK
    return DirectVerdict.STORED if is_ok else DirectVerdict.BUSY


def _message_id(peer_id: PeerId, timestamp_ms: int, data: bytes) -> MessageId:
    """Name a message by its author, timestamp and content, as long as any other id."""
    digest = hashlib.sha256(timestamp_ms.to_bytes(8, "big") + data).digest()
    return MessageId((ID.from_base58(peer_id).to_bytes() + digest[:SEQNO_BYTES]).hex())
