"""The other unary calls over real gRPC: rooms, peers, pages, dialling."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio
from wsp.chat.v1 import chat_pb2

from p2pd.api.handlers import SERVICE
from tests.driver.waiting import wait_until
from tests.p2pd.api.reading import CALL_S, field_of, reason_of
from tests.p2pd.api.running import RunningApi, dialling_through, running_api, stub_of

NOBODY = "/ip4/127.0.0.1/tcp/1/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"


def test_every_method_of_the_proto_is_served(channel: grpc.Channel) -> None:
    methods = chat_pb2.DESCRIPTOR.services_by_name["ChatService"].methods
    assert len(methods) > 12
    for method in methods:
        call: Any = channel.stream_stream(f"/{SERVICE}/{method.name}")
        with pytest.raises(grpc.RpcError) as caught:
            list(call(iter([b"\xff\xff"]), timeout=CALL_S))
        assert caught.value.code() is not grpc.StatusCode.UNIMPLEMENTED, method.name


def test_node_tells_who_it_is(api: RunningApi, stub: Any) -> None:
    node = stub.GetNode(chat_pb2.GetNodeRequest()).node
    assert node.peer_id == api.on_trio(api.chat.directory.node).peer_id
    assert node.max_message_bytes == 32_768
    assert node.addresses
    assert all(address.endswith(f"/p2p/{node.peer_id}") for address in node.addresses)


def test_rooms_are_joined_listed_and_left(stub: Any) -> None:
    joined = stub.JoinRoom(chat_pb2.JoinRoomRequest(room="garden")).room
    assert (joined.name, joined.peer_count, joined.message_count) == ("garden", 0, 0)
    stub.JoinRoom(chat_pb2.JoinRoomRequest(room="garden"))
    stub.Publish(chat_pb2.PublishRequest(room="garden", text="x"))
    rooms = stub.ListRooms(chat_pb2.ListRoomsRequest()).rooms
    assert [(room.name, room.message_count) for room in rooms] == [("chat-room", 0), ("garden", 1)]
    stub.LeaveRoom(chat_pb2.LeaveRoomRequest(room="garden"))
    stub.LeaveRoom(chat_pb2.LeaveRoomRequest(room="garden"))
    rooms = stub.ListRooms(chat_pb2.ListRoomsRequest()).rooms
    assert [room.name for room in rooms] == ["chat-room"]


def test_empty_room_is_the_default_room(stub: Any) -> None:
    assert stub.JoinRoom(chat_pb2.JoinRoomRequest()).room.name == "chat-room"


@pytest.mark.parametrize("room", ["a\tb", " a", "a ", "a\u3000"])
@pytest.mark.parametrize(
    "name", ["JoinRoom", "LeaveRoom", "ListPeers", "ListMessages", "CreateInvite"]
)
def test_wrong_room_names_the_field(stub: Any, name: str, room: str) -> None:
    request = getattr(chat_pb2, f"{name}Request")(room=room)
    with pytest.raises(grpc.RpcError) as caught:
        getattr(stub, name)(request)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (reason_of(caught.value), field_of(caught.value)) == ("INVALID_ROOM", "room")


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("Publish", chat_pb2.PublishRequest(room="elsewhere", text="x"), "room"),
        ("ListMessages", chat_pb2.ListMessagesRequest(room="elsewhere"), "room"),
        ("ListPeers", chat_pb2.ListPeersRequest(room="elsewhere"), "room"),
        ("CreateInvite", chat_pb2.CreateInviteRequest(room="elsewhere"), "room"),
        ("Events", chat_pb2.EventsRequest(rooms=["chat-room", "elsewhere"]), "rooms"),
    ],
)
def test_room_that_is_not_joined_is_refused_alike(
    stub: Any, method: str, request_: Any, field: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        answer = getattr(stub, method)(request_, timeout=CALL_S)
        list(answer)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert (reason_of(caught.value), field_of(caught.value)) == ("ROOM_NOT_JOINED", field)


def test_pages_go_both_ways(tmp_path: Path) -> None:
    with running_api(tmp_path) as api, api.channel() as channel:
        stub = stub_of(channel)
        for number in range(10):
            stub.Publish(chat_pb2.PublishRequest(text=str(number)))

        def page(**query: Any) -> tuple[str, str]:
            answer = stub.ListMessages(chat_pb2.ListMessagesRequest(limit=4, **query))
            assert not answer.HasField("gap")
            return "".join(event.message.text for event in answer.messages), answer.next_cursor

        newest, cursor = page()
        older, cursor = page(before=cursor)
        oldest, end = page(before=cursor)
        assert (newest, older, oldest, end) == ("6789", "2345", "01", "")
        first, cursor = page(after="")
        second, cursor = page(after=cursor)
        third, end = page(after=cursor)
        assert (first, second, third, end) == ("0123", "4567", "89", "")


@pytest.mark.parametrize(
    ("query", "reason", "field"),
    [
        ({"limit": -1}, "INVALID_LIMIT", "limit"),
        ({"before": "nonsense"}, "INVALID_CURSOR", "before"),
        ({"after": "nonsense"}, "INVALID_CURSOR", "after"),
    ],
)
def test_wrong_page_names_the_field(
    stub: Any, query: dict[str, Any], reason: str, field: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.ListMessages(chat_pb2.ListMessagesRequest(**query))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (reason_of(caught.value), field_of(caught.value)) == (reason, field)


@pytest.mark.parametrize(
    ("address", "code", "reason"),
    [
        ("nonsense", "INVALID_ARGUMENT", "INVALID_ADDRESS"),
        ("/ip4/127.0.0.1/tcp/1", "INVALID_ARGUMENT", "INVALID_ADDRESS"),
        (NOBODY, "UNAVAILABLE", "DIAL_FAILED"),
    ],
)
def test_wrong_address_to_connect_is_told(stub: Any, address: str, code: str, reason: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Connect(chat_pb2.ConnectRequest(address=address), timeout=CALL_S)
    assert (caught.value.code().name, reason_of(caught.value)) == (code, reason)


def test_connected_peers_are_listed_and_told(tmp_path: Path) -> None:
    with running_api(tmp_path / "a") as a, running_api(tmp_path / "b") as b:
        stub = stub_of(a.channel())
        (address,) = b.on_trio(b.chat.directory.node).addresses
        peer = stub.Connect(chat_pb2.ConnectRequest(address=address), timeout=CALL_S).peer
        assert address.endswith(peer.peer_id)
        assert peer.connection.kind == chat_pb2.CONNECTION_KIND_DIRECT
        assert peer.connection.transport == "tcp"
        assert peer.connection.direction == chat_pb2.DIRECTION_OUTBOUND
        assert stub.Connect(chat_pb2.ConnectRequest(address=address), timeout=CALL_S).peer
        listed = wait_until(
            lambda: stub.ListPeers(chat_pb2.ListPeersRequest(room="chat-room")).peers
        )
        assert [one.peer_id for one in listed] == [peer.peer_id]
        assert list(listed[0].rooms) == ["chat-room"]
        stub.JoinRoom(chat_pb2.JoinRoomRequest(room="empty"))
        assert not stub.ListPeers(chat_pb2.ListPeersRequest(room="empty")).peers
        answer = stub.Publish(chat_pb2.PublishRequest(text="over the wire"))
        page = wait_until(
            lambda: stub_of(b.channel()).ListMessages(chat_pb2.ListMessagesRequest()).messages
        )
        assert page[0].message.message_id == answer.message_id
        assert page[0].message.author_id == a.on_trio(a.chat.directory.node).peer_id


class UnansweredDialling:
    """Dials that never end by themselves."""

    ended: bool

    async def connect(self, address: str) -> Any:
        try:
            await trio.sleep_forever()
        finally:
            type(self).ended = True


def test_dial_ends_with_the_callers_deadline_and_says_so(tmp_path: Path) -> None:
    UnansweredDialling.ended = False
    with (
        running_api(tmp_path, change=dialling_through(UnansweredDialling())) as api,
        api.channel() as channel,
    ):
        began = time.monotonic()
        with pytest.raises(grpc.RpcError) as caught:
            stub_of(channel).Connect(chat_pb2.ConnectRequest(address=NOBODY), timeout=2.0)
        assert time.monotonic() - began < 10
        assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
        assert reason_of(caught.value) == "DIAL_TIMEOUT"
        assert UnansweredDialling.ended


def test_dials_that_wait_leave_room_for_other_calls(tmp_path: Path) -> None:
    with (
        running_api(tmp_path, change=dialling_through(UnansweredDialling())) as api,
        api.channel() as channel,
    ):
        stub = stub_of(channel)
        dials = [
            stub.Connect.future(chat_pb2.ConnectRequest(address=NOBODY), timeout=60)
            for _ in range(300)
        ]
        wait_until(lambda: api.api.counters.calls_active, lambda active: active == 64)
        assert stub.Publish(chat_pb2.PublishRequest(text="meanwhile"), timeout=CALL_S)
        for dial in dials:
            dial.cancel()
