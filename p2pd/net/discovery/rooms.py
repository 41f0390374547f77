"""Where a room is to be found in the DHT. Pure."""

from __future__ import annotations

import base64
import hashlib

from p2pd.domain.names import RoomName

CID_VERSION_1 = 0x01
RAW = 0x55
SHA2_256 = 0x12
DIGEST_BYTES = 32


def key_from_room(room: RoomName) -> bytes:
    """Name a room in the DHT: the SHA-256 multihash of its name."""
    digest = hashlib.sha256(room.encode("utf-8")).digest()
    return bytes((SHA2_256, DIGEST_BYTES)) + digest


def cid_from_room(room: RoomName) -> str:
    """Write a room's key as other tools take it: a CIDv1, raw, in base32.

    Source: multiformats CID specification; multibase prefix ``b``.
    """
    cid = bytes((CID_VERSION_1, RAW)) + key_from_room(room)
    return "b" + base64.b32encode(cid).decode("ascii").lower().rstrip("=")
