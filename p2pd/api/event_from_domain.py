"""Events and messages, the hot path of the API, from the domain's facts.

``batches_from_entries`` is what the Events stream writes: each event is encoded
once, whoever reads it, and a batch is the bytes of its events one behind the
other. That is a whole ``EventsResponse``, because protobuf merges repeated
fields of messages that follow one another.

Source: protobuf, "Encoding", "Last One Wins".
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import assert_never

from wsp.chat.v1 import chat_pb2

from p2pd.api.peer_from_domain import node_from_domain, peer_from_domain
from p2pd.api.profile_from_domain import profile_from_domain
from p2pd.api.time_from_ns import NS_PER_S
from p2pd.domain.events import (
    CaughtUp,
    Event,
    Gap,
    GapReason,
    MessageDelivery,
    MessageHidden,
    NodeChanged,
    PeerBlocked,
    PeerConnected,
    PeerDisconnected,
    PeerJoined,
    PeerLeft,
    ProfileChanged,
    Progress,
    ReadMarkerChanged,
    RoomMuted,
    Snapshot,
)
from p2pd.domain.messages import Delivery, Message
from p2pd.domain.records import Conversation, Direct
from p2pd.log.reader import Entry

_DELIVERIES = {
    Delivery.LIVE: chat_pb2.DELIVERY_LIVE,
    Delivery.BACKFILLED: chat_pb2.DELIVERY_BACKFILLED,
}
_GAP_REASONS = {
    GapReason.EXPIRED: chat_pb2.GAP_REASON_EXPIRED,
    GapReason.UNKNOWN_CURSOR: chat_pb2.GAP_REASON_UNKNOWN_CURSOR,
    GapReason.NOT_STORED: chat_pb2.GAP_REASON_NOT_STORED,
}


def batches_from_entries(entries: Iterable[Entry], max_bytes: int) -> Iterator[bytes]:
    """Yield encoded ``EventsResponse``s of at most ``max_bytes``, but one event at least."""
    batch: list[bytes] = []
    size_bytes = 0
    for entry in entries:
        encoded = entry.encoded
        if encoded is None:
            encoded = entry.encoded = _response_from_event(entry.event)
        if batch and size_bytes + len(encoded) > max_bytes:
            yield b"".join(batch)
            batch, size_bytes = [], 0
        batch.append(encoded)
        size_bytes += len(encoded)
    if batch:
        yield b"".join(batch)


def event_from_domain(event: Event) -> chat_pb2.Event:
    """Translate an event with its place in the log."""
    target = chat_pb2.Event()
    _fill_event(target, event)
    return target


def message_from_domain(message: Message) -> chat_pb2.Message:
    """Translate a message without its place in the log."""
    target = chat_pb2.Message()
    _fill_message(target, message)
    return target


def gap_from_domain(gap: Gap) -> chat_pb2.Gap:
    """Translate what is missing."""
    return chat_pb2.Gap(reason=_GAP_REASONS[gap.reason], missing=gap.missing)


def _response_from_event(event: Event) -> bytes:
    response = chat_pb2.EventsResponse()
    _fill_event(response.events.add(), event)
    return response.SerializeToString()


def _fill_event(target: chat_pb2.Event, event: Event) -> None:
    target.cursor = event.cursor
    target.time.seconds, target.time.nanos = divmod(event.time_ns, NS_PER_S)
    match event.body:
        case Message() as message:
            _fill_message(target.message, message)
        case Snapshot(node, peers, peer_count):
            snapshot = target.snapshot
            snapshot.peer_count = peer_count
            snapshot.node.CopyFrom(node_from_domain(node))
            snapshot.peers.extend(map(peer_from_domain, peers))
        case PeerConnected(peer):
            target.peer_connected.peer.CopyFrom(peer_from_domain(peer))
        case PeerDisconnected(peer_id):
            target.peer_disconnected.peer_id = peer_id
        case PeerJoined(peer_id, room):
            target.peer_joined.peer_id, target.peer_joined.room = peer_id, room
        case PeerLeft(peer_id, room):
            target.peer_left.peer_id, target.peer_left.room = peer_id, room
        case Gap() as gap:
            target.gap.CopyFrom(gap_from_domain(gap))
        case (
            ProfileChanged()
            | ReadMarkerChanged()
            | MessageDelivery()
            | PeerBlocked()
            | MessageHidden()
            | RoomMuted()
        ) as change:
            _fill_change(target, change)
        case CaughtUp():
            target.caught_up.SetInParent()
        case Progress():
            target.progress.SetInParent()
        case NodeChanged(node):
            target.node_changed.node.CopyFrom(node_from_domain(node))
        case _:
            assert_never(event.body)


def _fill_change(
    target: chat_pb2.Event,
    change: ProfileChanged
    | ReadMarkerChanged
    | MessageDelivery
    | PeerBlocked
    | MessageHidden
    | RoomMuted,
) -> None:
    match change:
        case ProfileChanged(profile, name_seen_before):
            target.profile_changed.profile.CopyFrom(profile_from_domain(profile))
            target.profile_changed.name_seen_before = name_seen_before
        case ReadMarkerChanged():
            _fill_read_marker(target.read_marker_changed, change)
        case PeerBlocked(peer_id, is_blocked):
            target.peer_blocked.peer_id = peer_id
            target.peer_blocked.is_blocked = is_blocked
        case MessageDelivery(message_id, conversation, handed_to, held_by):
            delivery = target.message_delivery
            _fill_conversation(delivery, conversation)
            delivery.message_id = message_id
            delivery.handed_to.extend(handed_to)
            delivery.held_by.extend(held_by)
        case MessageHidden(message_id, is_hidden):
            target.message_hidden.message_id = message_id
            target.message_hidden.is_hidden = is_hidden
        case RoomMuted(room, is_muted):
            target.room_muted.room, target.room_muted.is_muted = room, is_muted
        case _:
            assert_never(change)


def _fill_conversation(
    target: chat_pb2.ReadMarkerChanged | chat_pb2.MessageDelivery, conversation: Conversation
) -> None:
    match conversation:
        case Direct(peer_id):
            target.peer_id = peer_id
        case room:
            target.room = room


def _fill_read_marker(target: chat_pb2.ReadMarkerChanged, changed: ReadMarkerChanged) -> None:
    _fill_conversation(target, changed.conversation)
    target.reader, target.read_cursor = changed.reader, changed.read_cursor
    target.unread_count, target.mention_count = changed.unread_count, changed.mention_count


def _fill_message(target: chat_pb2.Message, message: Message) -> None:
    target.message_id = message.message_id
    target.room = message.room
    target.author_id = message.author_id
    text = message.text
    if text is None:
        target.data = message.data
    else:
        target.text = text
    send_time_ns = message.send_time_ns
    if send_time_ns is not None:
        target.send_time.seconds, target.send_time.nanos = divmod(send_time_ns, NS_PER_S)
    receive_time = target.receive_time
    receive_time.seconds, receive_time.nanos = divmod(message.receive_time_ns, NS_PER_S)
    target.forwarder_id = message.forwarder_id
    target.delivery = _DELIVERIES[message.delivery]
    target.client_message_id = message.client_message_id
    if message.peer_id is not None:
        target.peer_id = message.peer_id
