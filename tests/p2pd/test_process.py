"""The node as a process: what it says when it cannot start, and how it ends."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import EventListener, NodeProcess, wait_until
from tests.driver.fixtures import StartNode
from tests.driver.process import STOP_S


@pytest.fixture
def busy_port() -> Iterator[int]:
    """Give a loopback port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def failed_start(node: NodeProcess, *arguments: str) -> tuple[int, str]:
    """Start a node that cannot start; return its exit code and its one line."""
    code = node.run(*arguments)
    lines = node.log().splitlines()
    assert len(lines) == 1, node.report()
    assert node.output() == ""
    return code, lines[0]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("grpc_listen", "localhost"),
        ("grpc_listen", "127.0.0.1:99999"),
        ("listen", "/ip4/127.0.0.1/tcp/port"),
        ("listen", ","),
        ("announce", "example.org:4001"),
        ("bootstrap", "/ip4/127.0.0.1/tcp/4001"),
        ("rooms", "a\nb"),
        ("mdns", "maybe"),
        ("max_message_bytes", "60001"),
        ("max_message_bytes", "many"),
        ("metrics_listen", "9464"),
        ("log_level", "loud"),
    ],
)
def test_bad_setting_ends_with_one_line_that_names_it(
    tmp_path: Path, setting: str, value: str
) -> None:
    node = NodeProcess("a", tmp_path, prefix=(), **{setting: value})
    code, line = failed_start(node)
    assert code == 2
    assert line.startswith(f"p2pd: P2PD_{setting.upper()}: ")


def test_bad_flag_ends_with_one_line_that_names_it(tmp_path: Path) -> None:
    code, line = failed_start(NodeProcess("a", tmp_path), "--mdns", "maybe")
    assert (code, line) == (2, "p2pd: --mdns: 'maybe' is neither on nor off")


def test_unknown_flag_ends_with_one_line(tmp_path: Path) -> None:
    code, line = failed_start(NodeProcess("a", tmp_path), "--colour", "red")
    assert code == 2
    assert "--colour" in line


def test_flag_wins_over_the_environment(tmp_path: Path) -> None:
    node = NodeProcess("a", tmp_path, mdns="maybe")
    code, line = failed_start(node, "--mdns", "off", "--log-level", "loud")
    assert (code, line.startswith("p2pd: --log-level: ")) == (2, True)


@pytest.mark.parametrize(
    ("setting", "address"),
    [
        ("grpc_listen", "127.0.0.1:{port}"),
        ("listen", "/ip4/127.0.0.1/tcp/{port}"),
        ("metrics_listen", "127.0.0.1:{port}"),
    ],
)
def test_busy_port_ends_with_one_line_that_names_it(
    tmp_path: Path, busy_port: int, setting: str, address: str
) -> None:
    node = NodeProcess("a", tmp_path, prefix=(), **{setting: address.format(port=busy_port)})
    code, line = failed_start(node)
    assert code == 1
    assert address.format(port=busy_port) in line


@pytest.mark.parametrize("content", [b"", b"rubbish", bytes(68)], ids=["empty", "rubbish", "zeros"])
def test_corrupt_identity_key_ends_with_one_line_that_names_it(
    tmp_path: Path, content: bytes
) -> None:
    node = NodeProcess("a", tmp_path)
    node.data_dir.mkdir(mode=0o700)
    key = node.data_dir / "identity.key"
    key.write_bytes(content)
    key.chmod(0o600)
    code, line = failed_start(node)
    assert code == 1
    assert str(key) in line
    assert key.read_bytes() == content


def test_unreadable_identity_key_ends_with_one_line_that_names_it(tmp_path: Path) -> None:
    node = NodeProcess("a", tmp_path)
    (node.data_dir / "identity.key").mkdir(parents=True)
    code, line = failed_start(node)
    assert code == 1
    assert "identity.key" in line


def test_data_directory_that_is_a_file_ends_with_one_line(tmp_path: Path) -> None:
    node = NodeProcess("a", tmp_path)
    node.data_dir.write_text("")
    code, line = failed_start(node)
    assert code == 1
    assert str(node.data_dir) in line


def test_ready_line_names_peer_id_addresses_and_grpc(node: NodeProcess) -> None:
    assert node.output().count("\n") == 1
    assert node.peer_id.startswith("12D3Koo")
    assert all(address.endswith(f"/p2p/{node.peer_id}") for address in node.addresses)
    host, port = node.grpc_address.rsplit(":", 1)
    assert (host, int(port) > 0) == ("127.0.0.1", True)


def test_secrets_are_for_the_owner_only(node: NodeProcess) -> None:
    assert node.data_dir.stat().st_mode & 0o777 == 0o700
    for name in ("identity.key", "grpc.token"):
        assert (node.data_dir / name).stat().st_mode & 0o777 == 0o600


def test_check_tells_whether_the_node_serves(node: NodeProcess, tmp_path: Path) -> None:
    check = NodeProcess("check", tmp_path, grpc_listen=node.grpc_address)
    assert check.run("--check") == 0
    node.stop()
    assert check.run("--check") == 1
    assert node.grpc_address in check.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_node_in_time_with_streams_and_peers_open(
    start_node: StartNode, number: signal.Signals
) -> None:
    a, b = start_node("a"), start_node("b")
    a.connect(b)
    with EventListener(a) as listener, a.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        end = threading.Event()
        publishing = stub.PublishStream(silence(end))
        begin = time.monotonic()
        a.signal(number)
        a.wait_stopped(STOP_S)
        assert time.monotonic() - begin < STOP_S
        wait_until(lambda: listener.error)
        assert listener.error is not None
        assert listener.error.code() is grpc.StatusCode.UNAVAILABLE
        with pytest.raises(grpc.RpcError):
            next(publishing)
        end.set()
    wait_until(b.peers, lambda peers: a.peer_id not in peers)


def silence(end: threading.Event) -> Iterator[chat_pb2.PublishStreamRequest]:
    """Give a request stream that stays open and sends nothing until it is told to end."""
    end.wait()
    yield from ()


def test_restarted_node_is_the_same_peer_in_the_same_rooms(node: NodeProcess) -> None:
    with node.open_channel() as channel:
        chat_pb2_grpc.ChatServiceStub(channel).JoinRoom(
            chat_pb2.JoinRoomRequest(room="quiet"), timeout=30
        )
    before = node.ready
    node.restart()
    assert node.ready == before
    with node.open_channel() as channel:
        answer = chat_pb2_grpc.ChatServiceStub(channel).ListRooms(
            chat_pb2.ListRoomsRequest(), timeout=30
        )
    assert [room.name for room in answer.rooms] == ["chat-room", "quiet"]


def test_killed_node_starts_again_at_once_on_the_same_ports(node: NodeProcess) -> None:
    before = node.ready
    node.publish("before")
    node.kill()
    node.start()
    assert node.ready == before
    node.publish("after")
