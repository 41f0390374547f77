"""Conversations and read markers over real gRPC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from wsp.chat.v1 import chat_pb2

from tests.driver.waiting import wait_until
from tests.p2pd.api.reading import CALL_S, field_of, reason_of
from tests.p2pd.api.running import running_api, stub_of
from tests.p2pd.api.test_calls import NOBODY


def conversations(stub: Any, reader: str = "me", **page: Any) -> chat_pb2.ListConversationsResponse:
    request = chat_pb2.ListConversationsRequest(reader=reader, **page)
    answer: chat_pb2.ListConversationsResponse = stub.ListConversations(request, timeout=CALL_S)
    return answer


def mark(stub: Any, **fields: Any) -> chat_pb2.SetReadMarkerResponse:
    request = chat_pb2.SetReadMarkerRequest(**{"reader": "me", **fields})
    answer: chat_pb2.SetReadMarkerResponse = stub.SetReadMarker(request, timeout=CALL_S)
    return answer


def test_conversations_come_with_their_newest_message_and_marker(tmp_path: Path) -> None:
    with running_api(tmp_path) as api, api.channel() as channel:
        stub = stub_of(channel)
        stub.JoinRoom(chat_pb2.JoinRoomRequest(room="garden"))
        published = stub.Publish(chat_pb2.PublishRequest(room="garden", text="hello"))
        room, garden = conversations(stub).conversations
        assert (room.room, room.HasField("last_message")) == ("chat-room", False)
        assert (garden.room, garden.last_message.message.text) == ("garden", "hello")
        assert garden.last_message.cursor == published.cursor
        # One's own message is not unread, and nothing was marked yet.
        assert (garden.unread_count, garden.HasField("read_cursor")) == (0, False)
        mark(stub, room="garden", cursor=published.cursor)
        assert conversations(stub).conversations[1].read_cursor == published.cursor
        assert not conversations(stub, "you").conversations[1].HasField("read_cursor")


def test_a_change_of_a_marker_is_an_event_once(tmp_path: Path) -> None:
    with running_api(tmp_path) as api, api.channel() as channel:
        stub = stub_of(channel)
        cursor = stub.Publish(chat_pb2.PublishRequest(text="hello")).cursor
        stream = stub.Events(chat_pb2.EventsRequest(), timeout=CALL_S)
        events = (event for batch in stream for event in batch.events)
        assert next(events).HasField("snapshot")
        mark(stub, cursor=cursor)
        mark(stub, cursor=cursor)
        mark(stub, cursor="", reader="you")
        changes = [
            one for one in (next(events), next(events)) if one.HasField("read_marker_changed")
        ]
        first, second = (one.read_marker_changed for one in changes)
        assert (first.reader, first.room, first.read_cursor) == ("me", "chat-room", cursor)
        assert second.reader == "you"
        stream.cancel()


def test_conversations_are_paged_within_the_bound_of_a_response(tmp_path: Path) -> None:
    with running_api(tmp_path) as api, api.channel() as channel:
        stub = stub_of(channel)
        rooms = [f"room {number:02}" for number in range(40)]
        for room in rooms:
            stub.JoinRoom(chat_pb2.JoinRoomRequest(room=room))
            stub.Publish(chat_pb2.PublishRequest(room=room, text="x" * 32_000))
        first = conversations(stub)
        assert first.ByteSize() < 1 << 20
        second = conversations(stub, page_token=first.next_page_token)
        found = [*first.conversations, *second.conversations]
        assert [one.room for one in found] == ["chat-room", *rooms]
        assert not second.next_page_token
        assert len(conversations(stub, page_size=3).conversations) == 3
        with pytest.raises(grpc.RpcError) as error:
            conversations(stub, "you", page_token=first.next_page_token)
        assert reason_of(error.value) == "INVALID_PAGE_TOKEN"


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"reader": ""}, "reader", "INVALID_READER"),
        ({"reader": "é" * 33}, "reader", "INVALID_READER"),
        ({"reader": "a\nb"}, "reader", "INVALID_READER"),
        ({"cursor": "nonsense"}, "cursor", "INVALID_CURSOR"),
        ({"cursor": "00000000-1"}, "cursor", "INVALID_CURSOR"),
        ({"room": "nowhere"}, "room", "ROOM_NOT_JOINED"),
        ({"room": " x"}, "room", "INVALID_ROOM"),
        ({"room": "x", "peer_id": "12D3Koo"}, "peer_id", "INVALID_CONVERSATION"),
        ({"peer_id": "12D3Koo"}, "peer_id", "INVALID_PEER_ID"),
        ({"peer_id": NOBODY.rpartition("/")[2]}, "peer_id", "NO_CONVERSATION"),
    ],
)
def test_a_marker_that_breaks_the_rules_is_refused(
    stub: Any, fields: dict[str, str], field: str, reason: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        mark(stub, **fields)
    assert (field_of(error.value), reason_of(error.value)) == (field, reason)


def test_a_marker_cannot_lie_behind_the_end(stub: Any) -> None:
    cursor = stub.Publish(chat_pb2.PublishRequest(text="hello")).cursor
    epoch, _, offset = cursor.partition("-")
    with pytest.raises(grpc.RpcError) as error:
        mark(stub, cursor=f"{epoch}-{int(offset, 16) + 1000:x}")
    assert reason_of(error.value) == "INVALID_CURSOR"


def test_list_conversations_needs_a_reader(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as error:
        conversations(stub, "")
    assert reason_of(error.value) == "INVALID_READER"


def test_a_blocked_author_is_neither_counted_nor_shown(tmp_path: Path) -> None:
    with running_api(tmp_path / "a") as a, running_api(tmp_path / "b") as b:
        reader, author = stub_of(a.channel()), stub_of(b.channel())
        node = b.on_trio(b.chat.directory.node)
        reader.Connect(chat_pb2.ConnectRequest(address=node.addresses[0]))
        wait_until(lambda: author.ListPeers(chat_pb2.ListPeersRequest(room="chat-room")).peers)
        message_id = author.Publish(chat_pb2.PublishRequest(text="hello")).message_id
        wait_until(lambda: conversations(reader).conversations[0].unread_count == 1)
        reader.BlockPeer(chat_pb2.BlockPeerRequest(peer_id=node.peer_id))
        (room,) = conversations(reader).conversations
        assert (room.unread_count, room.HasField("last_message")) == (0, False)
        with pytest.raises(grpc.RpcError) as error:
            reader.GetMessage(chat_pb2.GetMessageRequest(message_id=message_id))
        assert reason_of(error.value) == "MESSAGE_UNKNOWN"
        reader.UnblockPeer(chat_pb2.UnblockPeerRequest(peer_id=node.peer_id))
        (room,) = conversations(reader).conversations
        assert (room.unread_count, room.last_message.message.text) == (1, "hello")


@pytest.mark.parametrize("message_id", ["", "ABCD", "abc", "zz", "ab" * 129])
def test_what_is_no_message_id_is_refused(stub: Any, message_id: str) -> None:
    with pytest.raises(grpc.RpcError) as error:
        stub.GetMessage(chat_pb2.GetMessageRequest(message_id=message_id))
    assert reason_of(error.value) == "INVALID_MESSAGE_ID"
