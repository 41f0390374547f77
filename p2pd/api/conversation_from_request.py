"""Which conversation a request names, by a room or a peer."""

from __future__ import annotations

from p2pd.domain.names import PeerId, room_from_text
from p2pd.domain.records import Conversation, Direct
from p2pd.errors import InvalidInputError


def conversation_from_request(room: str, peer_id: str) -> Conversation:
    """Return the conversation with a peer where one is given, else a room.

    Raises:
        InvalidInputError: Both are given, or the room's name breaks the rules.
    """
    if room and peer_id:
        raise InvalidInputError(
            "peer_id", "INVALID_CONVERSATION", "a room and a peer exclude each other"
        )
    return Direct(PeerId(peer_id)) if peer_id else room_from_text(room)
