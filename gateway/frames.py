"""The frames that go to browsers: JSON objects, and their bytes on a WebSocket.

Pure. Events come from ``gateway.node``; everything else that a browser is told
is built here. ``docs/asyncapi.yaml`` documents each, and a test holds both
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import orjson

from gateway.errors import Refusal

Fields: TypeAlias = Mapping[str, Any]
"""A JSON object."""
FrameId: TypeAlias = str | int
"""What a browser calls one of its commands."""
LinkState: TypeAlias = Literal["ready", "away"]

TEXT_FINAL = 0x81
"""First byte of a whole text frame, RFC 6455 section 5.2."""


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """One event of the node, as browsers see it.

    Attributes:
        cursor: Where one who has handled this event goes on.
        room: The room it belongs to; None concerns everybody.
        fields: The frame.
    """

    cursor: str
    room: str | None
    fields: Fields


def cursor_behind(event: NodeEvent, cursor: str | None) -> str | None:
    """Return from where to resume once an event was handled.

    A snapshot does not move one who asked from a cursor: where the node does not
    know that cursor, a gap follows, and must come again if it did not arrive.
    """
    return cursor if cursor and event.fields["type"] == "snapshot" else event.cursor


def wire_from_fields(fields: Fields) -> bytes:
    """Encode a frame as one unmasked WebSocket text message."""
    return wire_from_json(orjson.dumps(fields))


def wire_from_json(payload: bytes) -> bytes:
    """Put the header of RFC 6455 section 5.2 before a payload."""
    size = len(payload)
    if size < 126:
        return bytes((TEXT_FINAL, size)) + payload
    if size < 1 << 16:
        return bytes((TEXT_FINAL, 126, size >> 8, size & 0xFF)) + payload
    return bytes((TEXT_FINAL, 127)) + size.to_bytes(8, "big") + payload


def ack(frame_id: FrameId, answer: Fields) -> bytes:
    """Say that a command was carried out, with the node's answer."""
    return wire_from_fields({"type": "ack", "id": frame_id, **answer})


def error(frame_id: FrameId | None, refusal: Refusal) -> bytes:
    """Say that a command was not carried out; without an id where it had none."""
    fields: dict[str, Any] = {
        "type": "error",
        "id": frame_id,
        "code": refusal.code,
        "reason": refusal.reason,
        "message": refusal.message,
    }
    if refusal.field is not None:
        fields["field"] = refusal.field
    if refusal.retry_after_ms is not None:
        fields["retry_after_ms"] = refusal.retry_after_ms
    return wire_from_fields(fields)


def node_state(state: LinkState) -> bytes:
    """Say whether the gateway hears its node."""
    return wire_from_fields({"type": "node_state", "state": state})
