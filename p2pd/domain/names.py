"""Names that travel through the node, and the rules of a room's name."""

from __future__ import annotations

import re
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


_MESSAGE_ID = re.compile("(?:[0-9a-f]{2}){1,128}")
_REFUSED = re.compile(
    "[\x00-\x1f\x7f-\x9f]"  # control characters, category Cc
    "|[\u202a-\u202e\u2066-\u2069]"  # direction embeddings, overrides and isolates
    "|[\ud800-\udfff]"  # lone surrogates
)
_WHITE_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""The property White_Space, written out: Unicode's tables differ by Python version."""


def room_from_text(text: str, field: str = "room") -> RoomName:
    """Check a room's name; empty means the default room.

    Joiners, direction marks, spaces inside a name and characters that Unicode has
    assigned later are allowed.

    Raises:
        InvalidInputError: It is over 256 bytes of UTF-8, has white space around
            it, or contains a control character, a direction override or a lone
            surrogate.
    """
    if not text:
        return DEFAULT_ROOM
    flaw = _flaw(text)
    if flaw is not None:
        raise InvalidInputError(field, "INVALID_ROOM", flaw)
    return RoomName(text)


def message_id_from_text(text: str) -> MessageId:
    """Check a message's id.

    Raises:
        InvalidInputError: It is not lower-case hexadecimal.
    """
    if _MESSAGE_ID.fullmatch(text) is None:
        raise InvalidInputError(
            "message_id", "INVALID_MESSAGE_ID", "a message id is lower-case hexadecimal"
        )
    return MessageId(text)


def _flaw(text: str) -> str | None:
    if len(text.encode("utf-8", "surrogatepass")) > MAX_ROOM_BYTES:
        return f"room name is over {MAX_ROOM_BYTES} bytes of UTF-8"
    for place, character in (("starts", text[0]), ("ends", text[-1])):
        if character in _WHITE_SPACE:
            return f"room name {place} with white space ({_code_point(character)})"
    refused = _REFUSED.search(text)
    return None if refused is None else f"room name contains {_description(refused[0])}"


def _description(character: str) -> str:
    if "\ud800" <= character <= "\udfff":
        kind = "a lone surrogate"
    else:
        kind = "a direction override" if character > "\u2000" else "a control character"
    return f"{kind} ({_code_point(character)})"


def _code_point(character: str) -> str:
    return f"U+{ord(character):04X}"
