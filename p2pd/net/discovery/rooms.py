"""Where a room is to be found in the DHT. Pure."""

from __future__ import annotations

import hashlib

from p2pd.domain.names import RoomName

SHA2_256 = 0x12
DIGEST_BYTES = 32


def key_from_room(room: RoomName) -> bytes:
    """Name a room in the DHT: the SHA-256 multihash of its name.

    It is the multihash of the room's CID (version 1, raw), by which other tools know it.
    """
    digest = hashlib.sha256(room.encode("utf-8")).digest()
    return bytes((SHA2_256, DIGEST_BYTES)) + digest
