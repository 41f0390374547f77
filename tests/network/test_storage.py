"""A node whose disk is full, or whose store is damaged, loses nothing it has accepted."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from p2pd.store.sqlite_store import FILE_NAME
from tests.driver.fixtures import StartNode
from tests.driver.listener import EventListener
from tests.driver.node import NodeProcess
from tests.driver.waiting import wait_until

PAGE = 4096


def storage_of(node: NodeProcess) -> chat_pb2.Storage:
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        return stub.GetNode(chat_pb2.GetNodeRequest(), timeout=30).node.storage


def kept_by(node: NodeProcess) -> list[str]:
    """List the texts that a node keeps, in log order."""
    texts: list[str] = []
    request = chat_pb2.ListMessagesRequest(limit=1000, after="")
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        while True:
            page = stub.ListMessages(request, timeout=60)
            texts += [event.message.text for event in page.messages]
            if not page.next_cursor:
                return texts
            request = chat_pb2.ListMessagesRequest(limit=1000, after=page.next_cursor)


def assert_intact(node: NodeProcess) -> None:
    with closing(sqlite3.connect(node.data_dir / FILE_NAME)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


# A full disk


@pytest.fixture
def cramped(small_disk: Path) -> Iterator[NodeProcess]:
    """A node on a small disk."""
    node = NodeProcess("cramped", small_disk)
    node.start()
    yield node
    node.stop()


def publish_until_refused(node: NodeProcess) -> tuple[list[str], grpc.RpcError]:
    """Publish until the node refuses; return what it accepted, and the refusal."""
    accepted: list[str] = []
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        while True:
            text = f"{len(accepted)} {'x' * 20_000}"
            try:
                stub.Publish(chat_pb2.PublishRequest(text=text), timeout=30)
            except grpc.RpcError as error:
                return accepted, error
            accepted.append(text)


def assert_says_full(error: grpc.RpcError) -> None:
    """Check the status, the reason, and that it tells when to come back."""
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    status = rpc_status.from_call(error)  # type: ignore[no-untyped-call]
    assert status is not None
    found = [any(one.Unpack(kind) for one in status.details) for kind in (info, retry)]
    assert found == [True, True]
    assert info.reason == "STORAGE_FULL"
    assert retry.retry_delay.seconds > 0


def test_a_full_disk_refuses_by_name_keeps_what_was_accepted_and_recovers(
    cramped: NodeProcess, small_disk: Path, start_node: StartNode
) -> None:
    accepted, refusal = publish_until_refused(cramped)
    assert accepted
    assert_says_full(refusal)
    assert storage_of(cramped).state == chat_pb2.STORAGE_STATE_FULL
    peer = start_node("peer")
    peer.connect(cramped)
    wait_until(lambda: kept_by(peer), lambda seen: sorted(seen) == sorted(accepted))
    peer.publish("said while the disk was full " + "y" * 20_000)
    assert kept_by(cramped) == accepted
    (small_disk / "hog").unlink()
    wait_until(lambda: kept_by(cramped), lambda seen: len(seen) == len(accepted) + 1)
    cramped.publish("there is room again")
    assert storage_of(cramped).state == chat_pb2.STORAGE_STATE_OK
    cramped.kill()
    cramped.start()
    expected = Counter([*accepted, *kept_by(peer)[len(accepted) :]])
    assert Counter(kept_by(cramped)) == expected
    cramped.stop()
    assert_intact(cramped)
    cramped.start()


def test_a_room_that_cannot_be_noted_is_not_joined(cramped: NodeProcess, small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space"):
        (small_disk / "second hog").write_bytes(bytes(4 << 20))
    with cramped.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            stub.JoinRoom(chat_pb2.JoinRoomRequest(room="den"), timeout=30)
        assert_says_full(caught.value)
        rooms = stub.ListRooms(chat_pb2.ListRoomsRequest(), timeout=30).rooms
    assert [room.name for room in rooms] == ["chat-room"]
    (small_disk / "second hog").unlink()


# A damaged store


def change_texts(content: bytearray) -> None:
    """Change a byte in two messages, wherever they lie: SQLite alone cannot see that."""
    content[:] = content.replace(b"early 7\x00", b"eaRly 7\x00").replace(b"early 150", b"eaRly 150")


def break_pages(content: bytearray) -> None:
    """Put rubbish into some pages in the middle."""
    first = len(content) // PAGE // 2
    content[first * PAGE : (first + 4) * PAGE] = b"\xa5" * (4 * PAGE)


def cut_off(content: bytearray) -> None:
    """Lose the second half of the file."""
    del content[len(content) // 2 :]


@pytest.mark.parametrize("change", [change_texts, break_pages, cut_off])
def test_a_damaged_store_is_told_and_made_whole_by_salvage_and_peers(
    start_node: StartNode, change: Callable[[bytearray], None]
) -> None:
    node, peer = start_node("node"), start_node("peer")
    for number in range(300):
        node.publish(f"early {number}")
    peer.connect(node)
    wait_until(lambda: len(kept_by(peer)), lambda count: count == 300)
    node.publish("late", client_message_id="late")
    wait_until(lambda: len(kept_by(peer)), lambda count: count == 301)
    node.stop()
    spoil(node.data_dir / FILE_NAME, change)
    node.start()
    expected = Counter(["late", *(f"early {number}" for number in range(300))])
    with EventListener(node, after="") as listener:
        wait_until(lambda: Counter(kept_by(node)), lambda seen: seen == expected, timeout_s=90)
        (damage,) = wait_until(lambda: storage_of(node).damages)
        listener.wait_events(lambda events: has_all_behind_the_last_gap(events, expected))
    assert Path(damage.path).exists()
    assert damage.reason
    assert "store damaged" in node.log()
    node.publish("goes on")
    wait_until(lambda: kept_by(peer)[-1], lambda text: text == "goes on")
    node.stop()
    assert_intact(node)
    node.start()
    assert Counter(kept_by(node)) == expected + Counter(["goes on"])


def spoil(path: Path, change: Callable[[bytearray], None]) -> None:
    content = bytearray(path.read_bytes())
    before = bytes(content)
    change(content)
    assert content != before
    path.write_bytes(content)


def has_all_behind_the_last_gap(events: list[chat_pb2.Event], expected: Counter[str]) -> bool:
    """Tell whether a reader that takes a gap as a new beginning has all, each once."""
    texts: list[str] = []
    for event in events:
        if event.HasField("gap"):
            texts.clear()
        elif event.HasField("message"):
            texts.append(event.message.text)
    return Counter(texts) == expected


def test_of_what_only_a_damaged_store_had_the_readable_part_is_salvaged(
    start_node: StartNode,
) -> None:
    node = start_node("node")
    for number in range(300):
        node.publish(f"early {number}", client_message_id=f"id {number}")
    node.stop()
    spoil(node.data_dir / FILE_NAME, change_texts)
    node.start()
    expected = [f"early {number}" for number in range(300) if number != 150]
    wait_until(lambda: kept_by(node), lambda seen: "early 150" not in seen and len(seen) >= 298)
    assert set(expected) - set(kept_by(node)) <= {"early 7"}
    again = node.publish("early 0", client_message_id="id 0")
    assert Counter(kept_by(node))["early 0"] == 1
    assert again.message_id
