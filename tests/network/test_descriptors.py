"""A node with few file descriptors left: it refuses new connections and does all else."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from p2pd.net.addresses import peer_info_from_text
from tests.driver import NodeProcess
from tests.driver.fixtures import StartNode
from tests.driver.waiting import wait_until

SPARE = 60
CONNECTIONS = 300
BOTH = "/ip4/127.0.0.1/tcp/0,/ip4/127.0.0.1/tcp/0/ws"
MAX_LOG_BYTES = 64_000


def open_files(node: NodeProcess) -> int:
    return len(list(Path(f"/proc/{node.pid}/fd").iterdir()))


def cpu_s(node: NodeProcess) -> float:
    """Return the seconds that the node's threads have worked."""
    fields = Path(f"/proc/{node.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def limit_files(node: NodeProcess, count: int) -> None:
    _, hard = resource.prlimit(node.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(node.pid, resource.RLIMIT_NOFILE, (count, hard))


@contextmanager
def crowd(node: NodeProcess) -> Iterator[None]:
    """Hold connections that say nothing to each of the node's ports."""
    infos = [peer_info_from_text(address) for address in node.addresses]
    ports = [int(str(info.addrs[0].value_for_protocol("tcp"))) for info in infos]
    with ExitStack() as held:
        for number in range(CONNECTIONS):
            one = held.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", ports[number % len(ports)]))
        yield


def test_a_crowd_costs_neither_the_store_nor_callers_nor_dials(start_node: StartNode) -> None:
    node, peer = start_node("a", listen=BOTH), start_node("b")
    before = open_files(node)
    limit = before + SPARE
    limit_files(node, limit)
    with crowd(node):
        wait_until(lambda: open_files(node), lambda seen: seen >= before + SPARE // 4, timeout_s=30)
        for number in range(10):
            assert node.publish(f"still here {number}", "chat-room").cursor
        node.connect(peer)
        assert open_files(node) < limit
        # Those that stay silent are closed, on both ports.
        wait_until(lambda: open_files(node), lambda seen: seen <= before + 8, timeout_s=30)
    late = start_node("c")
    late.connect(node)
    assert len(node.stderr_path.read_bytes()) < MAX_LOG_BYTES


def test_a_node_without_any_descriptor_left_goes_on_later(start_node: StartNode) -> None:
    node = start_node("a", listen="/ip4/0.0.0.0/tcp/0,/ip4/127.0.0.1/tcp/0/ws")
    with crowd(node):
        limit_files(node, 8)
        # Longer than the watches of addresses take to come round.
        seen = node.stderr_path.read_text
        wait_until(seen, lambda text: "interfaces cannot be read" in text, timeout_s=60)
        assert node.running
        limit_files(node, 512)
    assert node.publish("again", "chat-room").cursor
    late = start_node("b")
    late.connect(node)


def test_without_a_descriptor_history_is_read_and_operators_wait(
    start_node: StartNode, free_tcp_port: int
) -> None:
    node = start_node("a", metrics_listen=f"127.0.0.1:{free_tcp_port}")
    node.publish("before", "chat-room")
    request = chat_pb2.ListMessagesRequest(room="chat-room", limit=10)
    with node.open_channel() as channel, socket.socket() as operator:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        stub.GetNode(chat_pb2.GetNodeRequest())
        limit_files(node, 8)
        operator.connect(("127.0.0.1", free_tcp_port))
        operator.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        operator.settimeout(1.5)
        assert len(stub.ListMessages(request).messages) == 1
        before_s, began_s = cpu_s(node), time.monotonic()
        with pytest.raises(TimeoutError):
            operator.recv(1)
        assert cpu_s(node) - before_s < (time.monotonic() - began_s) / 2
        limit_files(node, 512)
        operator.settimeout(60)
        assert operator.recv(100).startswith(b"HTTP/1.0 200")
    assert not list(node.data_dir.glob("*.damaged-*"))


def test_the_limit_of_open_files_is_raised_at_the_start(start_node: StartNode) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 1024:
        pytest.skip(f"the hard limit here is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
    try:
        node = start_node("a")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    raised, _ = resource.prlimit(node.pid, resource.RLIMIT_NOFILE)
    assert raised == min(8192, hard)
