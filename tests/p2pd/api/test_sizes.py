"""No response and no event exceeds 1 MiB, whatever is stored and whoever is connected."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsp.chat.v1 import chat_pb2

from p2pd.api.event_from_domain import event_from_domain
from p2pd.api.peer_from_domain import peer_from_domain
from p2pd.domain.events import Event, NodeChanged, PeerConnected
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.peers import Connection, ConnectionKind, Direction, Peer
from p2pd.domain.sizes import (
    MAX_RESPONSE_BYTES,
    size_of_message,
    size_of_node,
    size_of_peer,
)
from p2pd.domain.storage import Damage, Storage
from tests.p2pd.api.reading import CALL_S, Follower, field_of, reason_of
from tests.p2pd.api.running import RunningApi, running_api, stub_of
from tests.p2pd.facts import make_message, make_node

CONTENTS = [b"x" * 32_768, b"\xff" * 60_000, b"x", "ü".encode() * 16_000]


@pytest.fixture
def own_api(tmp_path: Path) -> Iterator[RunningApi]:
    with running_api(tmp_path) as api:
        yield api


@pytest.fixture
def own_stub(own_api: RunningApi) -> Iterator[Any]:
    with own_api.channel() as channel:
        yield stub_of(channel)


def pages(stub: Any, direction: str, limit: int = 1_000) -> Iterator[list[chat_pb2.Event]]:
    """Page through the default room to the end, checking the size of each page."""
    cursor: str | None = "" if direction == "after" else None
    while cursor != "" or direction == "after":
        position = {} if cursor is None else {direction: cursor}
        page = stub.ListMessages(
            chat_pb2.ListMessagesRequest(limit=limit, **position), timeout=CALL_S
        )
        assert page.ByteSize() <= MAX_RESPONSE_BYTES
        assert 1 <= len(page.messages) <= limit
        yield list(page.messages)
        if not page.next_cursor:
            return
        cursor = page.next_cursor


@pytest.mark.parametrize("data", CONTENTS, ids=["text", "not UTF-8", "small", "wide"])
def test_pages_of_large_messages_continue_in_both_directions(
    own_api: RunningApi, own_stub: Any, data: bytes
) -> None:
    messages = [make_message(number, data=data) for number in range(1, 201)]
    own_api.on_trio(own_api.log.append, messages)
    expected = [message.message_id for message in messages]
    forth = [event.message.message_id for page in pages(own_stub, "after") for event in page]
    assert forth == expected
    back = [[event.message.message_id for event in page] for page in pages(own_stub, "before")]
    assert [one for page in reversed(back) for one in page] == expected


def test_page_of_small_messages_is_as_long_as_its_limit(own_api: RunningApi, own_stub: Any) -> None:
    own_api.on_trio(own_api.log.append, [make_message(n) for n in range(1, 2_001)])
    assert [len(page) for page in pages(own_stub, "after")] == [1_000, 1_000]
    assert [len(page) for page in pages(own_stub, "before", limit=999)] == [999, 999, 2]


def wide_peer(number: int) -> Peer:
    return Peer(
        PeerId(f"peer-{number:05}"),
        addresses=tuple(f"/ip4/192.0.2.7/tcp/{port}" for port in range(16)),
        agent="a" * 256,
        protocols=tuple(f"/{index:02}/{'p' * 60}" for index in range(32)),
        rooms=tuple(RoomName(f"{index:03}{'r' * 200}") for index in range(20)),
    )


def test_state_with_many_peers_continues_as_events_behind_the_snapshot(
    own_api: RunningApi, own_stub: Any
) -> None:
    peers = [wide_peer(number) for number in range(300)]
    for peer in peers:
        own_api.on_trio(own_api.log.emit, PeerConnected(peer))
    own_api.on_trio(own_api.log.append, [make_message(1)])
    for after in (None, "", "00000000-7"):
        follower = Follower(own_stub.Events(chat_pb2.EventsRequest(after=after)))
        follower.wait(lambda events: len(connected(events)) >= 300)
        if after is not None:
            follower.wait(lambda events: events[-1].WhichOneof("event") == "caught_up")
        follower.cancel()
        first = follower.events[0]
        assert first.snapshot.peer_count == 300
        assert 0 < len(first.snapshot.peers) < 300
        assert connected(follower.events) == [peer.peer_id for peer in peers]
        kinds = [event.WhichOneof("event") for event in follower.events]
        rest = 300 - len(first.snapshot.peers)
        assert kinds[: rest + 1] == ["snapshot"] + ["peer_connected"] * rest
        assert all(batch.ByteSize() <= MAX_RESPONSE_BYTES for batch in follower.batches)


def connected(events: list[chat_pb2.Event]) -> list[str]:
    found: list[str] = []
    for event in events:
        found += [peer.peer_id for peer in event.snapshot.peers]
        if event.HasField("peer_connected"):
            found.append(event.peer_connected.peer.peer_id)
    return found


def test_reader_that_leaves_before_a_gap_gets_it_again(own_api: RunningApi, own_stub: Any) -> None:
    for number in range(300):
        own_api.on_trio(own_api.log.emit, PeerConnected(wide_peer(number)))
    follower = Follower(own_stub.Events(chat_pb2.EventsRequest(after="00000000-7")))
    follower.wait(lambda events: any(event.HasField("gap") for event in events))
    follower.cancel()
    kinds = [event.WhichOneof("event") for event in follower.events]
    until_gap = follower.events[: kinds.index("gap")]
    assert {event.cursor for event in until_gap} == {"00000000-7"}


def test_change_of_a_node_with_many_rooms_and_addresses_is_bounded() -> None:
    node = replace(
        make_node(*(RoomName(f"{number:03}" + "r" * 253) for number in range(256))),
        addresses=tuple(f"/ip6/{'f' * 30}/tcp/{port}" for port in range(50_000)),
        storage=Storage(damages=(Damage("/p" * 1_000, "reason" * 100, 1),) * 500),
    )
    event = event_from_domain(Event("cursor", 1, NodeChanged(node)))
    assert event.ByteSize() <= MAX_RESPONSE_BYTES
    assert len(event.node_changed.node.rooms) == 256
    assert len(event.node_changed.node.addresses) > 1_000


def listed(stub: Any, method: str, items: str, **query: Any) -> list[list[Any]]:
    """Page through a list to its end, checking the size of each page."""
    found: list[list[Any]] = []
    token = ""
    while token or not found:
        request = getattr(chat_pb2, f"{method}Request")(page_token=token, **query)
        response = getattr(stub, method)(request, timeout=CALL_S)
        assert response.ByteSize() <= MAX_RESPONSE_BYTES
        found.append(list(getattr(response, items)))
        token = response.next_page_token
    return found


def test_list_of_peers_is_paged(own_api: RunningApi, own_stub: Any) -> None:
    peers = tuple(wide_peer(number) for number in range(300))
    own_api.chat.directory.peers = lambda room: peers  # type: ignore[method-assign]
    expected = [peer.peer_id for peer in peers]
    queries: list[dict[str, Any]] = [
        {},
        {"page_size": 7},
        {"page_size": 5_000},
        {"room": "chat-room"},
    ]
    for query in queries:
        found = listed(own_stub, "ListPeers", "peers", **query)
        assert [peer.peer_id for page in found for peer in page] == expected
        assert len(found) > 1
        assert all(len(page) <= (query.get("page_size") or 1_000) for page in found)


def test_list_of_rooms_is_paged(own_stub: Any) -> None:
    names = sorted(f"{number:02}" + "r" * 200 for number in range(20))
    for name in names:
        own_stub.JoinRoom(chat_pb2.JoinRoomRequest(room=name))
    found = listed(own_stub, "ListRooms", "rooms", page_size=6)
    assert [len(page) for page in found] == [6, 6, 6, 3]
    assert [room.name for page in found for room in page] == [*names, "chat-room"]
    assert len(listed(own_stub, "ListRooms", "rooms")) == 1


def test_page_goes_on_where_an_item_has_gone(own_stub: Any) -> None:
    for name in "abcd":
        own_stub.JoinRoom(chat_pb2.JoinRoomRequest(room=name))
    first = own_stub.ListRooms(chat_pb2.ListRoomsRequest(page_size=2))
    own_stub.LeaveRoom(chat_pb2.LeaveRoomRequest(room="b"))
    request = chat_pb2.ListRoomsRequest(page_size=9, page_token=first.next_page_token)
    rest = own_stub.ListRooms(request)
    assert [room.name for room in rest.rooms] == ["c", "chat-room", "d"]


def token_of(stub: Any) -> str:
    stub.JoinRoom(chat_pb2.JoinRoomRequest(room="another"))
    return str(stub.ListRooms(chat_pb2.ListRoomsRequest(page_size=1)).next_page_token)


@pytest.mark.parametrize("token", ["nonsense", "====", "YQ", "ü", "A" * 5_000, "_" * 11])
@pytest.mark.parametrize("method", ["ListRooms", "ListPeers"])
def test_token_that_is_none_is_refused(stub: Any, method: str, token: str) -> None:
    request = getattr(chat_pb2, f"{method}Request")(page_token=token)
    with pytest.raises(grpc.RpcError) as caught:
        getattr(stub, method)(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (reason_of(caught.value), field_of(caught.value)) == ("INVALID_PAGE_TOKEN", "page_token")


@pytest.mark.parametrize("query", [{}, {"room": "chat-room"}])
def test_token_of_another_request_is_refused(stub: Any, query: dict[str, Any]) -> None:
    token = token_of(stub)
    with pytest.raises(grpc.RpcError) as caught:
        stub.ListPeers(chat_pb2.ListPeersRequest(page_token=token, **query))
    assert reason_of(caught.value) == "INVALID_PAGE_TOKEN"


@pytest.mark.parametrize("method", ["ListRooms", "ListPeers"])
def test_negative_page_size_is_refused(stub: Any, method: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        getattr(stub, method)(getattr(chat_pb2, f"{method}Request")(page_size=-1))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (reason_of(caught.value), field_of(caught.value)) == ("INVALID_PAGE_SIZE", "page_size")


def test_results_of_a_stream_are_bounded_though_they_repeat_long_ids(stub: Any) -> None:
    publish = chat_pb2.PublishRequest(room="not joined", text="x", client_message_id="i" * 50_000)
    requests = [chat_pb2.PublishStreamRequest(publishes=[publish] * 5)] * 40
    responses = list(stub.PublishStream(iter(requests), timeout=CALL_S))
    assert sum(len(response.results) for response in responses) == 200
    assert max(response.ByteSize() for response in responses) <= MAX_RESPONSE_BYTES


def test_refusal_that_quotes_a_long_field_arrives(stub: Any) -> None:
    for address in ("x" * 200_000, "/dns4/" + "ü" * 100_000 + "/tcp/1", "/" * 100_000):
        with pytest.raises(grpc.RpcError) as caught:
            stub.Connect(chat_pb2.ConnectRequest(address=address), timeout=CALL_S)
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert reason_of(caught.value) == "INVALID_ADDRESS"


TEXTS = st.text(max_size=300)


@given(
    room=st.text(max_size=80),
    data=st.binary(max_size=200),
    client_message_id=st.text(max_size=128),
    author=st.text("abc", max_size=60),
)
def test_size_of_a_message_is_an_upper_bound(
    room: str, data: bytes, client_message_id: str, author: str
) -> None:
    message = Message(
        MessageId("ab" * 50),
        RoomName(room),
        PeerId(author),
        data,
        (1 << 63) + 5,
        (1 << 63) - 1,
        PeerId(author),
        b"",
        client_message_id=client_message_id,
    )
    event = event_from_domain(Event("01234567-ffffffffffffffff", (1 << 63) - 1, message))
    page = chat_pb2.ListMessagesResponse(messages=[event])
    assert page.ByteSize() <= size_of_message(message)


@given(st.lists(TEXTS, max_size=5), st.lists(TEXTS, max_size=5), TEXTS)
def test_size_of_a_peer_and_a_node_is_an_upper_bound(
    addresses: list[str], rooms: list[str], agent: str
) -> None:
    connection = Connection(
        "r" * 300, ConnectionKind.DIRECT, "quic-v1", Direction.INBOUND, (1 << 63) - 1, 100.5
    )
    names = tuple(map(RoomName, rooms))
    peer = Peer(PeerId("p" * 52), tuple(addresses), agent, tuple(rooms), names, connection)
    assert peer_from_domain(peer).ByteSize() <= size_of_peer(peer)
    node = replace(make_node(*names), addresses=tuple(addresses), agent=agent)
    changed = event_from_domain(Event("01234567-ffff", 1, NodeChanged(node)))
    assert changed.ByteSize() <= size_of_node(node)
