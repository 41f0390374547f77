"""Names that travel through the node, and the rules of a room's name."""

from __future__ import annotations

from typing import NewType

from p2pd.errors import InvalidInputError

PeerId = NewType("PeerId", str)
"""A libp2p peer id in its usual text form."""
RoomName = NewType("RoomName", str)
"""A GossipSub topic that passed ``room_from_text``."""
MessageId = NewType("MessageId", str)
"""Author id bytes and sequence number in lower-case hexadecimal."""

DEFAULT_ROOM = RoomName("chat-room")
MAX_ROOM_BYTES = 256


def room_from_text(text: str, field: str = "room") -> RoomName:
    """Check a room's name; empty means the default room.

    Raises:
        InvalidInputError: Over 256 bytes of UTF-8, or a control character.
    """
    if not text:
        return DEFAULT_ROOM
    if len(text.encode("utf-8", "surrogatepass")) > MAX_ROOM_BYTES:
        raise InvalidInputError(
            field, "INVALID_ROOM", f"room name is over {MAX_ROOM_BYTES} bytes of UTF-8"
        )
    if not text.isprintable():
        raise InvalidInputError(field, "INVALID_ROOM", "room name has a control character")
    return RoomName(text)
