"""Which conversation a request names, by a room or a peer."""

from __future__ import annotations

from p2pd.domain.names import room_from_text
from p2pd.domain.records import Conversation, Direct
from p2pd.errors import InvalidInputError
from p2pd.net.addresses import peer_id_from_text


def conversation_from_request(room: str, peer_id: str) -> Conversation:
    """Return the conversation with a peer where one is given, else a room.

    Raises:
        InvalidInputError: Both are given, the room's name breaks the rules, or not a peer id.
    """
    if room and peer_id:
        raise InvalidInputError(
            "peer_id", "INVALID_CONVERSATION", "a room and a peer exclude each other"
        )
    return Direct(peer_id_from_text(peer_id)) if peer_id else room_from_text(room)
