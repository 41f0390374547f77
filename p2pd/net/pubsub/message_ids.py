"""The two forms of a message's id: the specification's, and that of js-libp2p.

The specification's default is the author's peer id and the sequence number. js
peers put the author's public key in the place of the peer id, so that what they
announce has to be translated before it is compared, and what they are asked for
has to be named as they name it.

Source: libp2p specs, pubsub/README.md, "Message Identification"; js-libp2p,
packages/gossipsub/src/utils/msgIdFn.ts.
"""

from __future__ import annotations

from hashlib import sha256

_SEQNO_BYTES = 8
#: The first field of an encoded public key; a multihash begins with 0x00 or 0x12.
_KEY_TYPE_TAG = 0x08
_IDENTITY = 0x00
_SHA2_256 = b"\x12\x20"
#: A peer id holds a key up to this size itself, and the hash of a larger one.
_MAX_INLINED_KEY_BYTES = 42


def canonical_id(wire_id: bytes) -> bytes:
    """Return an id in the specification's form, whichever form it has."""
    if not wire_id or wire_id[0] != _KEY_TYPE_TAG or len(wire_id) <= _SEQNO_BYTES:
        return wire_id
    key, seqno = wire_id[:-_SEQNO_BYTES], wire_id[-_SEQNO_BYTES:]
    if len(key) <= _MAX_INLINED_KEY_BYTES:
        return bytes((_IDENTITY, len(key))) + key + seqno
    return _SHA2_256 + sha256(key).digest() + seqno


def all_forms(wire_id: bytes) -> list[bytes]:
    """Return an id of the specification's form, and js-libp2p's form of it where it can be made."""
    if wire_id[:1] == bytes((_IDENTITY,)) and wire_id[2:3] == bytes((_KEY_TYPE_TAG,)):
        return [wire_id, wire_id[2:]]
    return [wire_id]
