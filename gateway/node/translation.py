"""From protobuf to the JSON that browsers and REST clients get.

Used by the rest of ``gateway.node``. The shapes are generated from the proto by the
build; here is only what an event means to the gateway.
"""

from __future__ import annotations

from wsp.chat.v1 import chat_pb2
from wsp.chat.v1.chat_json import (
    BODIES,
    fields_from_event,
    fields_from_gap,
    fields_from_node,
    fields_from_peer,
    fields_from_room,
)
from wsp.chat.v1.chat_json import (
    fields_from_accept_invite_response as fields_from_accepted,
)
from wsp.chat.v1.chat_json import (
    fields_from_create_invite_response as fields_from_invite,
)
from wsp.chat.v1.chat_json import (
    fields_from_publish_response as fields_from_published,
)

from gateway.channel.events import NodeEvent

__all__ = [
    "BODIES",
    "event_from_proto",
    "fields_from_accepted",
    "fields_from_gap",
    "fields_from_invite",
    "fields_from_node",
    "fields_from_peer",
    "fields_from_published",
    "fields_from_room",
]


def event_from_proto(event: chat_pb2.Event) -> NodeEvent | None:
    """Translate one event; None where it is of a kind newer than this gateway."""
    fields = fields_from_event(event)
    if fields is None:
        return None
    # A direct message is of no room: only readers of all rooms get it.
    room = "" if event.message.peer_id else fields.get("room")
    return NodeEvent(event.cursor, room, fields)
