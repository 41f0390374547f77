"""The events of the node as browsers see them: JSON objects, and their payloads.

Made by ``gateway.node``; ``docs/asyncapi.yaml`` documents each, and a test holds both
together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias

import orjson

Fields: TypeAlias = Mapping[str, Any]
"""A JSON object."""
OF_ONE_STREAM = frozenset({"caught_up", "progress"})
"""Kinds of events that are about the stream of one reader."""
TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"
LinkState: TypeAlias = Literal["ready", "away"]
"""Whether the node is reachable, in the words of the frame ``node_state``."""


@dataclass(frozen=True, slots=True)
class NodeEvent:
    """One event of the node.

    Attributes:
        cursor: The cursor of a reader that has handled this event.
        room: The room it belongs to; None concerns every reader.
        fields: The JSON object.
    """

    cursor: str
    room: str | None
    fields: Fields


OF_WHAT_IS_SHOWN = frozenset({"peer_blocked", "message_hidden"})
"""Kinds of events after which the node shows other messages of the past than before."""

UNKNOWN_KIND = "unknown"
"""Type of an event whose kind is newer than this gateway: only its cursor counts."""


def event_of_unknown_kind(cursor: str) -> NodeEvent:
    """Return an event that moves readers to its cursor and gives them nothing."""
    return NodeEvent(cursor, None, {"type": UNKNOWN_KIND})


def cursor_behind(event: NodeEvent, cursor: str | None) -> str | None:
    """Return the cursor from which to resume once an event was handled.

    A snapshot does not move a reader that asked from a cursor: where the node does
    not know that cursor, a gap follows, and must come again if it did not arrive.
    """
    return cursor if cursor and event.fields["type"] == "snapshot" else event.cursor


def payload_from_fields(fields: Fields) -> bytes:
    """Encode a JSON object."""
    return orjson.dumps(fields)


def stream_event(kind: str, cursor: str, time_ns: int) -> bytes:
    """Return the payload of an event about one reader's own stream."""
    time = datetime.fromtimestamp(time_ns / 1e9, UTC)
    return orjson.dumps({"type": kind, "cursor": cursor, "time": f"{time:{TIME_FORMAT}}"})


def node_state(state: LinkState) -> bytes:
    """Return the payload that reports whether the node is reachable."""
    return orjson.dumps({"type": "node_state", "state": state})
