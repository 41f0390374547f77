"""One data directory on two machines: whoever can see it says so, and nobody is deceived."""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path

import grpc
import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import NodeProcess
from tests.driver.fixtures import StartNode
from tests.driver.waiting import wait_until

CONFLICT = "IDENTITY_CONFLICT"


def warnings_of(node: NodeProcess) -> list[str]:
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        answer = stub.GetNode(chat_pb2.GetNodeRequest(), timeout=10)
    return [warning.reason for warning in answer.node.warnings]


def start_copy(start_node: StartNode, original: NodeProcess, directory: Path) -> NodeProcess:
    """Copy the data directory of a stopped node and start both."""
    original.stop()
    shutil.copytree(original.data_dir, directory / "copy")
    original.start()
    copy = start_node("copy")
    assert copy.peer_id == original.peer_id
    return copy


def wait_warned(*nodes: NodeProcess) -> None:
    for node in nodes:
        wait_until(partial(warnings_of, node), lambda seen: seen == [CONFLICT])
        assert "identity conflict" in node.stderr_path.read_text()


def test_a_copied_data_directory_is_named_by_all_three(
    start_node: StartNode, tmp_path: Path
) -> None:
    hub, original = start_node("hub"), start_node("a")
    copy = start_copy(start_node, original, tmp_path)
    original.connect(hub)
    with pytest.raises(grpc.RpcError) as refused:
        copy.connect(hub)
    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert "identity" in str(refused.value.details())
    wait_warned(hub, original, copy)
    wait_until(copy.peers, lambda peers: not peers)
    assert original.publish("I am still heard", "chat-room").recipients == 1


def test_a_copy_that_was_told_its_hub_at_the_start_is_named_too(
    start_node: StartNode, tmp_path: Path
) -> None:
    hub = start_node("hub")
    original = start_node("a", bootstrap=hub.address)
    original.stop()
    shutil.copytree(original.data_dir, tmp_path / "copy")
    original.start()
    original.wait_peer(hub)
    copy = start_node("copy", bootstrap=hub.address)
    wait_warned(hub, original, copy)
    assert hub.stderr_path.read_text().count("identity conflict") == 1


def test_a_copy_that_dials_its_original_is_named_by_both(
    start_node: StartNode, tmp_path: Path
) -> None:
    original = start_node("a")
    copy = start_copy(start_node, original, tmp_path)
    request = chat_pb2.ConnectRequest(address=original.address)
    with copy.open_channel() as channel, pytest.raises(grpc.RpcError) as refused:
        chat_pb2_grpc.ChatServiceStub(channel).Connect(request, timeout=20)
    assert "another program" in str(refused.value.details())
    wait_warned(original, copy)
    assert not original.peers()


def test_a_node_that_comes_back_is_no_conflict(start_node: StartNode) -> None:
    hub, node = start_node("hub"), start_node("a")
    for _ in range(2):
        node.connect(hub)
        node.kill()
        node.start()
    node.connect(hub)
    hub.connect(node)
    assert warnings_of(hub) == warnings_of(node) == []
