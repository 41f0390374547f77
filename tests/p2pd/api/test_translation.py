"""Facts of the domain and their form in the API, without a server."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsp.chat.v1 import chat_pb2

from p2pd.api.event_from_domain import batches_from_entries, event_from_domain
from p2pd.api.page_from_request import page_query_from_request
from p2pd.api.peer_from_domain import node_from_domain, peer_from_domain
from p2pd.api.publish_from_request import publish_from_request
from p2pd.api.reach_from_domain import reach_from_domain
from p2pd.api.time_from_ns import duration_from_s, timestamp_from_ns
from p2pd.domain.conversations import ReaderName
from p2pd.domain.events import (
    CaughtUp,
    Event,
    EventBody,
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
from p2pd.domain.names import DEFAULT_ROOM, MessageId, PeerId
from p2pd.domain.peers import Connection, ConnectionKind, Direction
from p2pd.domain.profiles import KnownProfile
from p2pd.domain.reach import (
    EvidenceKind,
    HolePunch,
    HolePunchResult,
    Reach,
    Reachability,
    ReachabilityEvidence,
)
from p2pd.domain.records import Direct
from p2pd.domain.storage import Damage, Storage, StorageState
from p2pd.log.reader import Entry
from tests.p2pd.facts import NOW_NS, make_message, make_node, make_peer

PEER = PeerId("somebody")
BODIES: dict[str, EventBody] = {
    "snapshot": Snapshot(make_node(DEFAULT_ROOM), (make_peer("a"), make_peer("b")), 2),
    "message": make_message(1),
    "peer_connected": PeerConnected(make_peer("a")),
    "peer_disconnected": PeerDisconnected(PEER),
    "peer_joined": PeerJoined(PEER, DEFAULT_ROOM),
    "peer_left": PeerLeft(PEER, DEFAULT_ROOM),
    "gap": Gap(GapReason.EXPIRED, 7),
    "node_changed": NodeChanged(make_node()),
    "caught_up": CaughtUp(),
    "progress": Progress(),
    "profile_changed": ProfileChanged(KnownProfile(PEER), name_seen_before=False),
    "read_marker_changed": ReadMarkerChanged(ReaderName("me"), Direct(PEER), "0123abcd-1", 3, 1),
    "peer_blocked": PeerBlocked(PEER, is_blocked=True),
    "message_delivery": MessageDelivery(make_message(1).message_id, DEFAULT_ROOM, (PEER,), ()),
    "message_hidden": MessageHidden(MessageId("00ab"), is_hidden=True),
    "room_muted": RoomMuted(DEFAULT_ROOM, is_muted=True),
}
YEAR_9999_NS = 253_402_300_799 * 10**9


def test_every_event_of_the_proto_has_a_fact() -> None:
    fields = chat_pb2.Event.DESCRIPTOR.oneofs_by_name["event"].fields
    assert [field.name for field in fields] == list(BODIES)


@pytest.mark.parametrize("name", BODIES)
def test_fact_becomes_the_event_of_its_name(name: str) -> None:
    event = event_from_domain(Event("here", NOW_NS + 5, BODIES[name]))
    assert event.WhichOneof("event") == name
    assert event.cursor == "here"
    assert event.time.ToNanoseconds() == NOW_NS + 5


def test_facts_keep_what_they_say() -> None:
    joined = event_from_domain(Event("c", 1, BODIES["peer_joined"])).peer_joined
    left = event_from_domain(Event("c", 1, BODIES["peer_left"])).peer_left
    gone = event_from_domain(Event("c", 1, BODIES["peer_disconnected"])).peer_disconnected
    gap = event_from_domain(Event("c", 1, BODIES["gap"])).gap
    snapshot = event_from_domain(Event("c", 1, BODIES["snapshot"])).snapshot
    assert (joined.peer_id, joined.room) == (left.peer_id, left.room) == (PEER, DEFAULT_ROOM)
    assert gone.peer_id == PEER
    assert (gap.reason, gap.missing) == (chat_pb2.GAP_REASON_EXPIRED, 7)
    assert [peer.peer_id for peer in snapshot.peers] == ["a", "b"]
    assert list(snapshot.node.rooms) == [DEFAULT_ROOM]


@given(st.binary(min_size=1, max_size=200))
def test_content_is_text_exactly_where_it_is_valid_utf8(data: bytes) -> None:
    message = event_from_domain(Event("c", 1, make_message(1, data=data))).message
    if message.WhichOneof("content") == "text":
        assert message.text.encode() == data
    else:
        assert message.data == data
        with pytest.raises(UnicodeDecodeError):
            data.decode()


@pytest.mark.parametrize(
    ("message", "send_time_ns"),
    [
        (make_message(1), NOW_NS + 1),
        (replace(make_message(1), seqno=42), None),
        (replace(make_message(1), seqno=2**64 - 1), None),
    ],
)
def test_send_time_is_told_where_it_is_one(message: Message, send_time_ns: int | None) -> None:
    translated = event_from_domain(Event("c", 1, message)).message
    assert translated.HasField("send_time") == (send_time_ns is not None)
    if send_time_ns is not None:
        assert translated.send_time.ToNanoseconds() == send_time_ns
    assert translated.receive_time.ToNanoseconds() == message.receive_time_ns


def test_message_keeps_every_field() -> None:
    message = replace(
        make_message(1), delivery=Delivery.BACKFILLED, client_message_id="mine", data=b"hi"
    )
    translated = event_from_domain(Event("c", 1, message)).message
    assert (translated.message_id, translated.room) == (message.message_id, message.room)
    assert (translated.author_id, translated.forwarder_id) == ("author", "forwarder")
    assert (translated.text, translated.client_message_id) == ("hi", "mine")
    assert translated.delivery == chat_pb2.DELIVERY_BACKFILLED


@given(
    st.lists(st.integers(min_value=0, max_value=400), max_size=30),
    st.integers(min_value=1, max_value=2_000),
)
def test_batches_hold_every_event_once_in_order_and_in_bounds(
    sizes: list[int], max_bytes: int
) -> None:
    entries = [
        Entry(Event(str(number), NOW_NS, make_message(number, data=b"x" * size)), number)
        for number, size in enumerate(sizes)
    ]
    batches = list(batches_from_entries(entries, max_bytes))
    responses = [chat_pb2.EventsResponse.FromString(batch) for batch in batches]
    events = [event for response in responses for event in response.events]
    assert events == [event_from_domain(entry.event) for entry in entries]
    assert all(
        len(batch) <= max_bytes or len(response.events) == 1
        for batch, response in zip(batches, responses, strict=True)
    )
    assert all(response.events for response in responses)


def test_entry_that_is_encoded_is_not_encoded_again() -> None:
    known = chat_pb2.EventsResponse(events=[chat_pb2.Event(cursor="known")]).SerializeToString()
    entry = Entry(Event("other", 1, make_message(1)), 1, encoded=known)
    assert list(batches_from_entries([entry], 100)) == [known]


@given(st.integers(min_value=0, max_value=YEAR_9999_NS))
def test_time_keeps_every_nanosecond(time_ns: int) -> None:
    assert timestamp_from_ns(time_ns).ToNanoseconds() == time_ns


@given(st.floats(min_value=0, max_value=1e6))
def test_duration_is_right_to_the_nanosecond(duration_s: float) -> None:
    duration = duration_from_s(duration_s)
    assert duration.ToNanoseconds() == round(duration_s * 1e9)
    assert 0 <= duration.nanos < 10**9


def test_peer_keeps_what_is_known_of_it() -> None:
    connection = Connection(
        "/ip4/1.2.3.4/tcp/1", ConnectionKind.RELAYED, "ws", Direction.INBOUND, 9
    )
    peer = replace(
        make_peer("a"),
        addresses=("/ip4/1.2.3.4/tcp/1",),
        agent="go",
        protocols=("/x",),
        rooms=(DEFAULT_ROOM,),
        connection=connection,
    )
    translated = peer_from_domain(peer)
    assert (translated.peer_id, translated.agent) == ("a", "go")
    assert list(translated.protocols) == ["/x"]
    assert list(translated.rooms) == [DEFAULT_ROOM]
    assert translated.connection.kind == chat_pb2.CONNECTION_KIND_RELAYED
    assert translated.connection.direction == chat_pb2.DIRECTION_INBOUND
    assert translated.connection.transport == "ws"
    assert translated.connection.open_time.ToNanoseconds() == 9
    assert not translated.connection.HasField("round_trip")
    measured = peer_from_domain(replace(peer, connection=replace(connection, round_trip_s=0.25)))
    assert measured.connection.round_trip.ToMilliseconds() == 250
    assert not peer_from_domain(make_peer("b")).HasField("connection")


@pytest.mark.parametrize("kind", list(EvidenceKind))
def test_evidence_keeps_its_kind(kind: EvidenceKind) -> None:
    reach = Reach(evidence=(ReachabilityEvidence(kind, is_reachable=True, time_ns=1),))
    (translated,) = reach_from_domain(reach).evidence
    assert chat_pb2.EvidenceKind.Name(translated.kind) == f"EVIDENCE_KIND_{kind.name}"


@pytest.mark.parametrize("result", list(HolePunchResult))
def test_hole_punch_keeps_its_result(result: HolePunchResult) -> None:
    punch = HolePunch(
        PeerId("p"),
        result,
        is_initiator=False,
        transport="tcp",
        attempt_count=3,
        duration_s=0.5,
        time_ns=1,
    )
    (translated,) = reach_from_domain(Reach(hole_punches=(punch,))).hole_punches
    assert chat_pb2.HolePunchResult.Name(translated.result) == f"HOLE_PUNCH_RESULT_{result.name}"
    assert not translated.HasField("round_trip")


@pytest.mark.parametrize("reachability", list(Reachability))
def test_node_keeps_what_it_says(reachability: Reachability) -> None:
    node = replace(make_node(DEFAULT_ROOM), reach=Reach(reachability), addresses=("/x",))
    translated = node_from_domain(node)
    names = {Reachability.UNKNOWN: "UNSPECIFIED"}
    wanted = names.get(reachability, reachability.name)
    assert chat_pb2.Reachability.Name(translated.reachability) == f"REACHABILITY_{wanted}"
    assert (translated.peer_id, list(translated.addresses)) == ("self", ["/x"])
    assert translated.start_time.ToNanoseconds() == NOW_NS


@pytest.mark.parametrize("state", list(StorageState))
def test_node_tells_how_it_keeps_messages(state: StorageState) -> None:
    storage = Storage(state, "why", (Damage("/aside", "a broken page", NOW_NS),))
    translated = node_from_domain(replace(make_node(), storage=storage)).storage
    assert chat_pb2.StorageState.Name(translated.state) == f"STORAGE_STATE_{state.name}"
    assert translated.failure == "why"
    (damage,) = translated.damages
    assert (damage.path, damage.reason) == ("/aside", "a broken page")
    assert damage.time.ToNanoseconds() == NOW_NS


@pytest.mark.parametrize(
    ("content", "data"),
    [({"text": "ü"}, "ü".encode()), ({"data": b"\xff"}, b"\xff"), ({}, b""), ({"text": ""}, b"")],
)
def test_publish_takes_text_or_bytes(content: dict[str, Any], data: bytes) -> None:
    publish = publish_from_request(chat_pb2.PublishRequest(client_message_id="i", **content))
    assert (publish.conversation, publish.data, publish.client_message_id) == (
        DEFAULT_ROOM,
        data,
        "i",
    )


@pytest.mark.parametrize(("asked", "limit"), [(0, 100), (1, 1), (1_000, 1_000), (9_999, 1_000)])
def test_limit_of_a_page(asked: int, limit: int) -> None:
    query = page_query_from_request(chat_pb2.ListMessagesRequest(limit=asked))
    assert (query.limit, query.before, query.after) == (limit, None, None)
