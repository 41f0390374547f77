"""Messages on the wire: checked and verified when they come, signed when they go.

Used by the pubsub service for what peers send and by ``Gossip.sign`` for our
own. StrictSign of the specification: author, sequence number, one topic and
signature must all be there.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from google.protobuf.message import DecodeError
from libp2p.crypto.ed25519 import Ed25519PublicKey
from libp2p.crypto.keys import PrivateKey, PublicKey
from libp2p.crypto.serialization import deserialize_public_key
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

from p2pd.domain.rejections import MessageRefusedError, RejectionReason
from p2pd.net.pubsub.frames import varint

#: The specification's prefix of what is signed.
SIGNING_PREFIX = b"libp2p-pubsub:"
#: Larger data is refused: a default rust peer takes no RPC over 65,536 bytes.
MAX_DATA_BYTES = 60_000
#: The whole message: what no field accounts for is nobody's to store and forward.
MAX_SIGNED_BYTES = 65_536
SEQNO_BYTES = 8
_SIGNATURE_TAG = bytes((rpc_pb2.Message.SIGNATURE_FIELD_NUMBER << 3 | 2,))
#: An RSA key of 8,192 bits is about 1,100 bytes.
MAX_KEY_BYTES = 2_048
MAX_KEYS_CACHED = 4_096


#: A peer that verifies forwards none of these.


@dataclass(frozen=True, slots=True)
class WireMessage:
    """A message as it came, its parts named, its signature not yet checked.

    Attributes:
        wire_id: Author and sequence number, the specification's default id.
        author: The bytes of the author's peer id.
        signed_bytes: The whole protobuf as received.
    """

    wire_id: bytes
    author: bytes
    topic: str
    data: bytes
    seqno: int
    signed_bytes: bytes
    fields: rpc_pb2.Message


def message_from_bytes(signed_bytes: bytes) -> WireMessage:
    """Read a message and check its shape.

    Raises:
        MessageRefusedError: Something is missing, malformed or too large.
    """
    fields = rpc_pb2.Message()
    try:
        fields.ParseFromString(signed_bytes)
    except DecodeError:
        raise MessageRefusedError(RejectionReason.MESSAGE_MALFORMED) from None
    topics = fields.topicIDs
    if len(topics) != 1:
        raise MessageRefusedError(RejectionReason.MESSAGE_TOPIC_COUNT)
    if len(fields.data) > MAX_DATA_BYTES or len(signed_bytes) > MAX_SIGNED_BYTES:
        raise MessageRefusedError(RejectionReason.MESSAGE_TOO_LARGE)
    if not fields.from_id:
        raise MessageRefusedError(RejectionReason.MESSAGE_AUTHOR_MISSING)
    if len(fields.seqno) != SEQNO_BYTES:
        raise MessageRefusedError(RejectionReason.MESSAGE_SEQNO_MALFORMED)
    if not fields.signature:
        raise MessageRefusedError(RejectionReason.MESSAGE_SIGNATURE_MISSING)
    return WireMessage(
        wire_id=fields.from_id + fields.seqno,
        author=fields.from_id,
        topic=topics[0],
        data=fields.data,
        seqno=int.from_bytes(fields.seqno, "big"),
        signed_bytes=signed_bytes,
        fields=fields,
    )


class MessageVerifier:
    """Checks signatures; caches the keys of the authors whose messages came last.

    Only what an author signed counts, so that forgeries push out nobody's key.
    """

    def __init__(self, max_keys: int = MAX_KEYS_CACHED) -> None:
        self._max_keys = max_keys
        self._keys: OrderedDict[bytes, PublicKey] = OrderedDict()

    def verify(self, message: WireMessage) -> None:
        """Check that the author signed the message.

        Raises:
            MessageRefusedError: No usable key, another's key, or a bad signature.
        """
        key = self._keys.get(message.author) or self._find_key(message)
        fields = message.fields
        signature = fields.signature
        fields.ClearField("signature")
        fields.ClearField("key")
        payload = SIGNING_PREFIX + fields.SerializeToString()
        if not is_signed(key, payload, signature):
            raise MessageRefusedError(RejectionReason.MESSAGE_SIGNATURE_WRONG)
        self._keys[message.author] = key
        self._keys.move_to_end(message.author)
        if len(self._keys) > self._max_keys:
            self._keys.popitem(last=False)

    def _find_key(self, message: WireMessage) -> PublicKey:
        """Take the author's key out of the id, or out of the message where it is hashed."""
        author = ID(message.author)
        encoded = message.fields.key
        if len(encoded) > MAX_KEY_BYTES:
            raise MessageRefusedError(RejectionReason.MESSAGE_KEY_TOO_LARGE)
        try:
            key = key_in_id(author) or deserialize_public_key(encoded)
            is_own = bool(ID.from_pubkey(key) == author)
        # Boundary: the key's bytes are an unknown peer's, and each kind of key has
        # its own way to fail on them.
        except Exception:
            raise MessageRefusedError(RejectionReason.MESSAGE_KEY_UNREADABLE) from None
        if not is_own:
            raise MessageRefusedError(RejectionReason.MESSAGE_KEY_OF_ANOTHER)
        return key


def key_in_id(author: ID) -> PublicKey | None:
    """Return the key that a short peer id contains."""
    key: PublicKey | None = author.extract_public_key()
    return key


def is_signed(key: PublicKey, payload: bytes, signature: bytes) -> bool:
    """Check a signature; Ed25519 without the detours of the key object."""
    try:
        if isinstance(key, Ed25519PublicKey):
            return bool(crypto_sign_open(signature + payload, bytes(key.impl)) == payload)
        return bool(key.verify(payload, signature))
    except (CryptoError, ValueError):
        return False
    # Boundary: the other kinds of key raise what their own libraries do.
    except Exception:
        return False


class MessageSigner:
    """Signs this node's own messages; the sequence number is its clock.

    Nanoseconds since the epoch, strictly increasing, also over a restart when
    ``first_seqno`` is the last one used before it.
    """

    def __init__(
        self,
        private_key: PrivateKey,
        first_seqno: int,
        clock_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self._private_key = private_key
        self._author = ID.from_pubkey(private_key.get_public_key()).to_bytes()
        self._last_seqno = first_seqno
        self._clock_ns = clock_ns

    def next_seqno(self) -> int:
        """Return a number above all that were used."""
        self._last_seqno = max(self._last_seqno + 1, self._clock_ns())
        return self._last_seqno

    def sign(self, topic: str, data: bytes) -> WireMessage:
        """Make the next message; its key is in the author's id, so it is not added."""
        seqno = self.next_seqno().to_bytes(SEQNO_BYTES, "big")
        fields = rpc_pb2.Message(from_id=self._author, data=data, seqno=seqno, topicIDs=[topic])
        unsigned = fields.SerializeToString()
        signature = self._private_key.sign(SIGNING_PREFIX + unsigned)
        fields.signature = signature
        return WireMessage(
            wire_id=self._author + seqno,
            author=self._author,
            topic=topic,
            data=data,
            seqno=self._last_seqno,
            # Its field is the last but the key's, so that the rest is not encoded again.
            signed_bytes=b"".join((unsigned, _SIGNATURE_TAG, varint(len(signature)), signature)),
            fields=fields,
        )
