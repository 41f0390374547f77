"""A forgotten room leaves no byte of what was said in it on the disk."""

from __future__ import annotations

from pathlib import Path

import grpc
import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.fixtures import StartNode
from tests.driver.node import NodeProcess
from tests.driver.waiting import wait_until

SECRET = "the bees sleep under the third oak"
KEPT = "nothing to see here"


def files_holding(directory: Path, text: str) -> list[str]:
    """Return the files of a data directory that hold a text, or its larger parts."""
    parts = [text.encode(), text[3:20].encode(), text[14:].encode()]
    return [
        path.name
        for path in sorted(directory.rglob("*"))
        if path.is_file() and any(part in path.read_bytes() for part in parts)
    ]


def test_after_a_room_is_forgotten_no_byte_of_its_texts_is_in_the_data_directory(
    start_node: StartNode,
) -> None:
    # So that retention has removed some of them before, which leaves them in free pages.
    node = start_node("a", retention_messages=150)
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        stub.JoinRoom(chat_pb2.JoinRoomRequest(room="garden"))
        for number in range(200):
            size = "x" * (5_000 if number % 50 == 0 else number)
            stub.Publish(chat_pb2.PublishRequest(room="garden", text=f"{number} {SECRET} {size}"))
            stub.Publish(chat_pb2.PublishRequest(text=f"{number} {KEPT}"))
        search = chat_pb2.SearchMessagesRequest(query="oak")
        wait_until(lambda: stub.SearchMessages(search).unindexed_count, lambda left: left == 0)
        assert stub.SearchMessages(search).results
        wait_until(lambda: message_count(stub, "garden"), lambda count: count <= 150)
        assert files_holding(data_dir(node), SECRET)
        stub.ForgetRoom(chat_pb2.ForgetRoomRequest(room="garden"), timeout=60)
        assert files_holding(data_dir(node), SECRET) == []
        assert stub.SearchMessages(search).results == []
        stub.ForgetRoom(chat_pb2.ForgetRoomRequest(room="garden"), timeout=60)
        kept = chat_pb2.SearchMessagesRequest(query="nothing see")
        assert stub.SearchMessages(kept).results
        stub.Publish(chat_pb2.PublishRequest(text="and on it goes"))
        stub.JoinRoom(chat_pb2.JoinRoomRequest(room="garden"))
        listed = stub.ListMessages(chat_pb2.ListMessagesRequest(room="garden"))
        assert not listed.messages
        with pytest.raises(grpc.RpcError):
            stub.ForgetRoom(chat_pb2.ForgetRoomRequest(room=" "), timeout=60)
    node.kill()
    node.start()
    assert files_holding(data_dir(node), SECRET) == []
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        wait_until(lambda: stub.SearchMessages(kept).results)
        page = stub.ListMessages(chat_pb2.ListMessagesRequest(limit=1))
        assert page.messages[0].message.text == "and on it goes"


def message_count(stub: chat_pb2_grpc.ChatServiceStub, room: str) -> int:
    rooms = stub.ListRooms(chat_pb2.ListRoomsRequest()).rooms
    return sum(one.message_count for one in rooms if one.name == room)


def data_dir(node: NodeProcess) -> Path:
    return node.data_dir
