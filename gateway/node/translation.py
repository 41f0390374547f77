"""From protobuf to the JSON that browsers and REST clients get.

Used by the rest of ``gateway.node``. Every event becomes a flat object whose
``type`` is the event's own name; enums lose their prefix, times are RFC 3339 in
UTC, durations milliseconds.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from wsp.chat.v1 import chat_pb2

from gateway.frames import Fields, NodeEvent

DELIVERIES = {
    chat_pb2.DELIVERY_LIVE: "live",
    chat_pb2.DELIVERY_BACKFILLED: "backfilled",
}
GAP_REASONS = {
    chat_pb2.GAP_REASON_EXPIRED: "expired",
    chat_pb2.GAP_REASON_UNKNOWN_CURSOR: "unknown_cursor",
}
REACHABILITIES = {
    chat_pb2.REACHABILITY_PUBLIC: "public",
    chat_pb2.REACHABILITY_PRIVATE: "private",
}
KINDS = {
    chat_pb2.CONNECTION_KIND_DIRECT: "direct",
    chat_pb2.CONNECTION_KIND_RELAYED: "relayed",
}
DIRECTIONS = {
    chat_pb2.DIRECTION_INBOUND: "inbound",
    chat_pb2.DIRECTION_OUTBOUND: "outbound",
}
STORAGE_STATES = {
    chat_pb2.STORAGE_STATE_OK: "ok",
    chat_pb2.STORAGE_STATE_FULL: "full",
    chat_pb2.STORAGE_STATE_FAILED: "failed",
}
UNKNOWN = "unknown"
"""For a value that the node did not tell, or that is newer than this gateway."""


def event_from_proto(event: chat_pb2.Event) -> NodeEvent | None:
    """Translate one event; None where it is of a kind newer than this gateway."""
    kind = event.WhichOneof("event")
    if kind is None:
        return None
    body = getattr(event, kind)
    fields = {"type": kind, "cursor": event.cursor, "time": text_from_time(event.time)}
    fields.update(BODIES[kind](body))
    return NodeEvent(event.cursor, fields.get("room"), fields)


def fields_from_node(node: chat_pb2.Node) -> Fields:
    """Translate the node."""
    return {
        "peer_id": node.peer_id,
        "addresses": list(node.addresses),
        "agent": node.agent,
        "rooms": list(node.rooms),
        "reachability": REACHABILITIES.get(node.reachability, UNKNOWN),
        "version": node.version,
        "max_message_bytes": node.max_message_bytes,
        "start_time": text_from_time(node.start_time),
        "storage": _fields_from_storage(node.storage),
    }


def fields_from_peer(peer: chat_pb2.Peer) -> Fields:
    """Translate a peer."""
    known = peer.HasField("connection")
    return {
        "peer_id": peer.peer_id,
        "addresses": list(peer.addresses),
        "agent": peer.agent,
        "protocols": list(peer.protocols),
        "rooms": list(peer.rooms),
        "connection": _fields_from_connection(peer.connection) if known else None,
    }


def fields_from_room(room: chat_pb2.Room) -> Fields:
    """Translate a joined room."""
    return {
        "name": room.name,
        "peer_count": room.peer_count,
        "message_count": room.message_count,
    }


def fields_from_published(published: chat_pb2.PublishResponse) -> Fields:
    """Translate the answer to a publish."""
    return {
        "message_id": published.message_id,
        "cursor": published.cursor,
        "recipients": published.recipients,
    }


def text_from_time(time: Timestamp) -> str:
    """Write a time as RFC 3339 in UTC, to the microsecond."""
    return f"{_text_from_second(time.seconds)}.{time.nanos // 1000:06d}Z"


@lru_cache(maxsize=1024)
def _text_from_second(second: int) -> str:
    """Write a second; kept, since messages that come together tell the same few."""
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"


def _fields_from_message(message: chat_pb2.Message) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "message_id": message.message_id,
        "room": message.room,
        "author_id": message.author_id,
        "send_time": text_from_time(message.send_time) if message.HasField("send_time") else None,
        "receive_time": text_from_time(message.receive_time),
        "forwarder_id": message.forwarder_id,
        "delivery": DELIVERIES.get(message.delivery, UNKNOWN),
    }
    if message.WhichOneof("content") == "data":
        fields["data"] = b64encode(message.data).decode()
    else:
        fields["text"] = message.text
    if message.client_message_id:
        fields["client_message_id"] = message.client_message_id
    return fields


def _fields_from_connection(connection: chat_pb2.Connection) -> Fields:
    measured = connection.HasField("round_trip")
    round_trip = connection.round_trip
    return {
        "remote_address": connection.remote_address,
        "kind": KINDS.get(connection.kind, UNKNOWN),
        "transport": connection.transport,
        "direction": DIRECTIONS.get(connection.direction, UNKNOWN),
        "open_time": text_from_time(connection.open_time),
        "round_trip_ms": round_trip.seconds * 1000 + round_trip.nanos / 1e6 if measured else None,
    }


def _fields_from_storage(storage: chat_pb2.Storage) -> Fields:
    return {
        "state": STORAGE_STATES.get(storage.state, UNKNOWN),
        "failure": storage.failure,
        "damages": [
            {"path": one.path, "reason": one.reason, "time": text_from_time(one.time)}
            for one in storage.damages
        ],
    }


def _fields_from_snapshot(snapshot: chat_pb2.Snapshot) -> dict[str, Any]:
    return {
        "node": fields_from_node(snapshot.node),
        "peers": [fields_from_peer(peer) for peer in snapshot.peers],
        "peer_count": snapshot.peer_count,
    }


def fields_from_gap(gap: chat_pb2.Gap) -> dict[str, Any]:
    """Translate a gap."""
    return {"reason": GAP_REASONS.get(gap.reason, UNKNOWN), "missing": gap.missing}


BODIES: dict[str, Callable[[Any], dict[str, Any]]] = {
    "snapshot": _fields_from_snapshot,
    "message": _fields_from_message,
    "peer_connected": lambda one: {"peer": fields_from_peer(one.peer)},
    "peer_disconnected": lambda one: {"peer_id": one.peer_id},
    "peer_joined": lambda one: {"peer_id": one.peer_id, "room": one.room},
    "peer_left": lambda one: {"peer_id": one.peer_id, "room": one.room},
    "gap": fields_from_gap,
    "node_changed": lambda one: {"node": fields_from_node(one.node)},
}
"""How each event's own fields are translated, by the event's name."""
