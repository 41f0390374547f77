"""Direct messages as their authors signed them: made, read and verified.

Used by ``service`` and ``serving``, and by ``p2pd.node`` to salvage.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from libp2p.crypto.keys import PrivateKey
from libp2p.crypto.serialization import deserialize_public_key
from libp2p.peer.id import ID
from wsp.direct.v1 import direct_pb2

from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.rejections import MessageRefusedError, RejectionReason
from p2pd.errors import MessageTooLargeError
from p2pd.net.pubsub.gossip import peer_id_from_bytes
from p2pd.net.pubsub.messages import (
    MAX_DATA_BYTES,
    MAX_KEY_BYTES,
    SEQNO_BYTES,
    is_signed,
    key_in_id,
)

SIGNING_PREFIX = b"wsp-direct:"
"""Other than that of rooms: neither kind of message can be passed off as the other."""
NO_ROOM = RoomName("")
NS_PER_MS = 1_000_000
MAX_ID_BYTES = 64
MAX_RECENT = 1_024
"""Messages of which the millisecond is remembered; more are not sent within one."""


@dataclass(frozen=True, slots=True)
class SignedDirect:
    """One of our own direct messages, ready to be sent; ``signed_bytes`` is its record."""

    message_id: MessageId
    peer_id: PeerId
    author_id: PeerId
    data: bytes
    seqno: int
    signed_bytes: bytes

    @property
    def room(self) -> RoomName:
        """Empty: it is of no room."""
        return NO_ROOM


class RecordSigner:
    """Sign this node's direct messages.

    No two with the same content go to one peer with the same millisecond, which is all
    that distinguishes them in the protocol of the field.

    Args:
        next_seqno: Gives the numbers, shared with the messages of rooms.
    """

    def __init__(self, private_key: PrivateKey, next_seqno: Callable[[], int]) -> None:
        self._private_key = private_key
        self._author = ID.from_pubkey(private_key.get_public_key())
        self._author_bytes = self._author.to_bytes()
        self._author_id = PeerId(str(self._author))
        has_key = key_in_id(self._author) is not None
        self._key = b"" if has_key else private_key.get_public_key().serialize()
        self._next_seqno = next_seqno
        self._recent: OrderedDict[tuple[PeerId, bytes], int] = OrderedDict()

    def sign(self, peer_id: PeerId, data: bytes) -> SignedDirect:
        """Make the next message to a peer.

        Raises:
            MessageTooLargeError: Larger than any peer would take.
        """
        if len(data) > MAX_DATA_BYTES:
            raise MessageTooLargeError(len(data), MAX_DATA_BYTES)
        seqno = self._seqno_for(peer_id, data)
        record = direct_pb2.DirectRecord(
            author_id=self._author_bytes,
            recipient_id=ID.from_base58(peer_id).to_bytes(),
            seqno=seqno,
            data=data,
            key=self._key,
        )
        record.signature = self._private_key.sign(SIGNING_PREFIX + record.SerializeToString())
        return SignedDirect(
            message_id=_message_id(self._author_bytes, seqno),
            peer_id=peer_id,
            author_id=self._author_id,
            data=data,
            seqno=seqno,
            signed_bytes=record.SerializeToString(),
        )

    def _seqno_for(self, peer_id: PeerId, data: bytes) -> int:
        key = (peer_id, data)
        seqno = self._next_seqno()
        while self._recent.get(key) == seqno // NS_PER_MS:
            seqno = self._next_seqno()
        self._recent[key] = seqno // NS_PER_MS
        self._recent.move_to_end(key)
        if len(self._recent) > MAX_RECENT:
            self._recent.popitem(last=False)
        return seqno


def message_from_record(
    encoded: bytes, own_id: PeerId, other_id: PeerId | None, now_ns: int
) -> Message:
    """Read and verify a record.

    Args:
        other_id: The peer that brought it, whose own it must be; None for one from
            storage, written by either side.

    Raises:
        MessageRefusedError: It is malformed, forged, or of or for somebody else.
    """
    record = _parse(encoded)
    author_id = peer_id_from_bytes(record.author_id)
    recipient_id = peer_id_from_bytes(record.recipient_id)
    if other_id is None:
        other_id = recipient_id if author_id == own_id else author_id
        expected = {own_id, other_id}
        is_ours = {author_id, recipient_id} == expected
    else:
        is_ours = (author_id, recipient_id) == (other_id, own_id)
    if not is_ours:
        raise MessageRefusedError(RejectionReason.DIRECT_OF_ANOTHER)
    _verify(record)
    return Message(
        message_id=_message_id(record.author_id, record.seqno),
        room=NO_ROOM,
        author_id=author_id,
        data=record.data,
        seqno=record.seqno,
        receive_time_ns=now_ns,
        forwarder_id=author_id,
        signed_bytes=encoded,
        peer_id=other_id,
    )


def _parse(encoded: bytes) -> direct_pb2.DirectRecord:
    try:
        record = direct_pb2.DirectRecord.FromString(encoded)
    except DecodeError:
        raise MessageRefusedError(RejectionReason.DIRECT_MALFORMED) from None
    ids = (record.author_id, record.recipient_id)
    is_whole = all(ids) and record.seqno and record.data and record.signature
    is_small = len(record.data) <= MAX_DATA_BYTES and len(record.key) <= MAX_KEY_BYTES
    if not is_whole or not is_small or max(map(len, ids)) > MAX_ID_BYTES:
        raise MessageRefusedError(RejectionReason.DIRECT_MALFORMED)
    return record


def _verify(record: direct_pb2.DirectRecord) -> None:
    author = ID(record.author_id)
    try:
        key = key_in_id(author) or deserialize_public_key(record.key)
        is_own = bool(ID.from_pubkey(key) == author)
    # Boundary: the key's bytes are a peer's, and each kind of key fails in its own way.
    except Exception:
        raise MessageRefusedError(RejectionReason.DIRECT_SIGNATURE_WRONG) from None
    unsigned = direct_pb2.DirectRecord()
    unsigned.CopyFrom(record)
    unsigned.ClearField("signature")
    payload = SIGNING_PREFIX + unsigned.SerializeToString()
    if not is_own or not is_signed(key, payload, record.signature):
        raise MessageRefusedError(RejectionReason.DIRECT_SIGNATURE_WRONG)


def _message_id(author: bytes, seqno: int) -> MessageId:
    return MessageId((author + seqno.to_bytes(SEQNO_BYTES, "big")).hex())


def signed_from_record(encoded: bytes) -> SignedDirect:
    """Read one of our own messages, as it is stored."""
    record = direct_pb2.DirectRecord.FromString(encoded)
    return SignedDirect(
        message_id=_message_id(record.author_id, record.seqno),
        peer_id=peer_id_from_bytes(record.recipient_id),
        author_id=peer_id_from_bytes(record.author_id),
        data=record.data,
        seqno=record.seqno,
        signed_bytes=encoded,
    )


def stored_record_reader(own_id: PeerId) -> Callable[[bytes], Message | None]:
    """Return a function that reads stored records; it returns None where they do not verify."""

    def read(encoded: bytes) -> Message | None:
        try:
            return message_from_record(encoded, own_id, None, now_ns=0)
        except MessageRefusedError:
            return None

    return read
