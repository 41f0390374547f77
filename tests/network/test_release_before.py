"""A data directory made by release 0.1, opened and served by this release."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from p2pd.store.salvage import salvage
from p2pd.store.sqlite_store import FILE_NAME
from tests.driver.listener import EventListener
from tests.driver.node import NodeProcess
from tests.driver.waiting import wait_until

RELEASE = Path(__file__).parents[1] / "data" / "release_0_1"
EPOCH = "1ea8b08e"
PEER_ID = "12D3KooWQMN7sRGtwG1nTmJnBRJBDB1KQDZ62or7a8k2bxjxvexe"
CHAT_ROOM = [
    ("2", "mine 0"), ("3", "yours 0"), ("5", "mine 1"),
    ("6", "yours 1"), ("8", "mine 2"), ("9", "yours 2"),
]  # fmt: skip
DEN = [
    ("4", "in the den 0"), ("7", "in the den 1"),
    ("a", "in the den 2"), ("b", "waits for somebody"),
]  # fmt: skip
LOBBY = [("1", "left behind")]
FOREVER_DAYS = 36_500

StartNode = Callable[..., NodeProcess]


@pytest.fixture
def release_before(tmp_path: Path, start_node: StartNode) -> NodeProcess:
    """Start a node on a copy of the data directory."""
    return start_release_before(tmp_path, start_node)


def start_release_before(tmp_path: Path, start_node: StartNode, **settings: object) -> NodeProcess:
    directory = tmp_path / "before"
    directory.mkdir()
    identity = bytes.fromhex((RELEASE / "identity.hex").read_text())
    (directory / "identity.key").write_bytes(identity)
    for name in ("rooms.json", "peers.json"):
        shutil.copy(RELEASE / name, directory)
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        connection.executescript((RELEASE / "messages.sql").read_text(encoding="utf-8"))
    return start_node("before", retention_days=FOREVER_DAYS, **settings)


def stored_in(node: NodeProcess, room: str) -> list[tuple[str, str]]:
    request = chat_pb2.ListMessagesRequest(room=room, limit=100)
    with node.open_channel() as channel:
        page = chat_pb2_grpc.ChatServiceStub(channel).ListMessages(request, timeout=30)
    return [(event.cursor.removeprefix(f"{EPOCH}-"), event.message.text) for event in page.messages]


def rooms_of(node: NodeProcess) -> list[str]:
    with node.open_channel() as channel:
        answer = chat_pb2_grpc.ChatServiceStub(channel).ListRooms(
            chat_pb2.ListRoomsRequest(), timeout=30
        )
    return [room.name for room in answer.rooms]


def join(node: NodeProcess, room: str) -> None:
    with node.open_channel() as channel:
        chat_pb2_grpc.ChatServiceStub(channel).JoinRoom(
            chat_pb2.JoinRoomRequest(room=room), timeout=30
        )


def assert_complete(node: NodeProcess) -> None:
    assert node.peer_id == PEER_ID
    assert rooms_of(node) == ["chat-room", "den"]
    assert stored_in(node, "chat-room") == CHAT_ROOM
    assert stored_in(node, "den") == DEN


def test_every_message_cursor_and_room_is_there(release_before: NodeProcess) -> None:
    node = release_before
    assert_complete(node)
    with EventListener(node, after=f"{EPOCH}-5") as listener:
        events = listener.wait_events(lambda events: len(events) >= 7)
    assert [event.message.text for event in events if event.HasField("message")] == [
        text for _, text in sorted((CHAT_ROOM + DEN), key=lambda one: int(one[0], 16))[4:]
    ]
    assert not list(node.data_dir.glob("*.json"))
    node.stop()
    node.start()
    assert_complete(node)
    join(node, "lobby")
    assert stored_in(node, "lobby") == LOBBY


def test_a_repeated_publish_gets_its_first_answer(release_before: NodeProcess) -> None:
    node = release_before
    answer = node.publish("mine 1", client_message_id="c1")
    assert answer.cursor == f"{EPOCH}-5"
    assert node.publish("waits for somebody", "den", "waiting-1").cursor == f"{EPOCH}-b"
    with pytest.raises(grpc.RpcError):
        node.publish("another text", client_message_id="c1")
    assert node.publish("new").cursor == f"{EPOCH}-c"


def test_what_waited_for_a_peer_is_sent_once_one_comes(
    release_before: NodeProcess, start_node: StartNode
) -> None:
    other = start_node("other", rooms="den", retention_days=FOREVER_DAYS)
    other.connect(release_before)
    wait_until(
        lambda: [text for _, text in stored_in(other, "den")],
        lambda texts: "waits for somebody" in texts,
    )


def test_known_peers_are_dialled(tmp_path: Path, start_node: StartNode) -> None:
    node = start_release_before(tmp_path, start_node)
    node.stop()
    (known,) = json.loads((RELEASE / "peers.json").read_text())["given"]
    with closing(sqlite3.connect(node.data_dir / FILE_NAME)) as connection:
        rows = connection.execute("SELECT DISTINCT address FROM known_peers").fetchall()
    assert rows == [(known,)]


def test_a_memory_store_has_the_rooms_and_leaves_the_messages(
    tmp_path: Path, start_node: StartNode
) -> None:
    node = start_release_before(tmp_path, start_node, store="memory")
    assert rooms_of(node) == ["chat-room", "den"]
    join(node, "study")
    node.stop()
    node.start()
    assert rooms_of(node) == ["chat-room", "den", "study"]


def test_a_damaged_file_of_the_release_before_is_salvaged(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((RELEASE / "messages.sql").read_text(encoding="utf-8"))
    messages = [one for batch in salvage(path, lambda _: None) for one in batch.messages]
    assert len(messages) == 11
