"""A log in which a later release has put records that this one does not serve."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from p2pd.store.sqlite_store import FILE_NAME
from tests.driver.fixtures import StartGateway, StartNode
from tests.driver.listener import EventListener
from tests.driver.node import NodeProcess
from tests.gateway.client import Client

ROOM = "chat-room"
TEXTS = ["one", "two", "after"]
COPY = """INSERT INTO records (offset, message_id, conversation, kind, author, send_order,
    receive_time_ns, delivery, body, data_start, data_bytes)
    SELECT ?, ?, ?, ?, author, send_order + ?, receive_time_ns, delivery, x'00', 0, 1
    FROM records WHERE offset = 2"""
DIRECT = "INSERT INTO conversations (conversation, peer) VALUES (1000, ?)"
OTHERS = (
    (3, b"a reaction", 1, 9, 1),
    (4, b"a receipt", 1, 10, 2),
    (5, b"an answer to one peer", 1000, 9, 3),
)
"""Offset, id, conversation, kind and how much later it was sent."""


@pytest.fixture
def node(tmp_path: Path, start_node: StartNode) -> NodeProcess:
    """A node with two messages, three other records, and one more message."""
    directory = tmp_path / "later"
    node = start_node("later", data_dir=directory)
    for text in TEXTS[:2]:
        node.publish(text)
    node.stop()
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        connection.execute(DIRECT, (node.peer_id,))
        for row in OTHERS:
            connection.execute(COPY, row)
        connection.commit()
    node.start()
    answer = node.publish(TEXTS[2])
    assert answer.cursor.endswith("-6")
    return node


def pages(node: NodeProcess, direction: str) -> list[str]:
    """Read the room message by message."""
    texts: list[str] = []
    cursor = ""
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        for _ in range(len(TEXTS) + 1):
            request = chat_pb2.ListMessagesRequest(room=ROOM, limit=1)
            if cursor or direction == "after":
                setattr(request, direction, cursor)
            page = stub.ListMessages(request, timeout=30)
            assert not page.HasField("gap")
            texts += [event.message.text for event in page.messages]
            cursor = page.next_cursor
            if not cursor:
                break
    return texts


def test_every_door_serves_what_lies_around_them(
    node: NodeProcess, start_node: StartNode, start_gateway: StartGateway
) -> None:
    assert pages(node, "after") == TEXTS
    assert pages(node, "before") == TEXTS[::-1]
    with EventListener(node, after="") as listener:
        listener.wait_events(lambda events: any(one.HasField("caught_up") for one in events))
        assert listener.texts == TEXTS
        assert not any(one.HasField("gap") for one in listener.events)
        cursors = [one.cursor for one in listener.events if one.HasField("message")]
    with EventListener(node, after=cursors[1]) as listener:
        listener.wait_text(TEXTS[2])
        assert listener.texts == TEXTS[2:]
        assert not any(one.HasField("gap") for one in listener.events)

    gateway = start_gateway(node)
    gateway.wait_node_reachable()
    for after, texts in ((f"{cursors[0].partition('-')[0]}-0", TEXTS), (cursors[1], TEXTS[2:])):
        with Client(gateway.ws_url) as client:
            client.hello(after=after)
            client.wait_text(TEXTS[2])
            assert client.texts == texts
            assert not any(frame["type"] == "gap" for frame in client.frames)

    other = start_node("other")
    with EventListener(other) as listener:
        other.connect(node)
        listener.wait_messages(len(TEXTS))
        node.publish("live")
        listener.wait_text("live")
        assert sorted(listener.texts) == sorted([*TEXTS, "live"])
    with node.open_channel() as channel:
        answer = chat_pb2_grpc.ChatServiceStub(channel).GetNode(chat_pb2.GetNodeRequest())
    assert answer.node.storage.state == chat_pb2.STORAGE_STATE_OK
    assert not answer.node.storage.damages
