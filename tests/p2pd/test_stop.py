"""SIGTERM ends the node within five seconds, whatever hangs."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import grpc
import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import NodeProcess, wait_until
from tests.driver.fixtures import StartNode
from tests.driver.process import STOP_S, Service, environment

STREAMS = 20
DROPPED_S = 4.0
AT_ONCE_S = 2.0


class NodeOnHangingDisk(NodeProcess):
    """A node whose disk hangs from ``hang`` on, until its next start."""

    def hang(self, what: str) -> None:
        """Have every ``sync``, ``commit``, ``checkpoint`` or ``read`` hang."""
        self._switch(what).touch()

    @property
    def is_hung(self) -> bool:
        """Whether an operation hangs."""
        return self._switch("hung").exists()

    def repair(self) -> None:
        """Have a disk that works at the next start."""
        for what in ("sync", "commit", "checkpoint", "read", "hung"):
            self._switch(what).unlink(missing_ok=True)

    def _switch(self, what: str) -> Path:
        return self.directory / f"{self.name}-disk.{what}"

    def _launch(
        self, arguments: Sequence[str], stdout: Path, stderr: Path
    ) -> subprocess.Popen[bytes]:
        with stdout.open("wb") as stdout_file, stderr.open("wb") as stderr_file:
            return subprocess.Popen(
                [sys.executable, "-m", "tests.driver.hanging_disk", "p2pd", *arguments],
                env=environment()
                | self.settings
                | {"HANGING_DISK": str(self.directory / f"{self.name}-disk")},
                stdin=subprocess.DEVNULL,
                stdout=stdout_file,
                stderr=stderr_file,
                start_new_session=True,
            )


@pytest.fixture
def hanging_node(tmp_path: Path, services: list[Service], free_tcp_port: int) -> NodeOnHangingDisk:
    node = NodeOnHangingDisk("hanging", tmp_path, metrics_listen=f"127.0.0.1:{free_tcp_port}")
    services.append(node)
    node.start()
    return node


def open_streams(node: NodeProcess, stack: ExitStack) -> None:
    """Open event streams, of which half are never read."""
    for number in range(STREAMS):
        channel = stack.enter_context(node.open_channel())
        stream = chat_pb2_grpc.ChatServiceStub(channel).Events(chat_pb2.EventsRequest(after=""))
        if number % 2:
            next(stream)


def hold_metrics(node: NodeProcess, stack: ExitStack) -> None:
    """Hold two connections to the metrics server: silent, and in the middle of a request."""
    host, port = node.settings["P2PD_METRICS_LISTEN"].rsplit(":", 1)
    for said in (b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\n"):
        held = stack.enter_context(closing(socket.create_connection((host, int(port)))))
        held.sendall(said)


def publish_unanswered(node: NodeProcess, outcome: list[str]) -> threading.Thread:
    """Publish what cannot be made to last; note how that ends."""

    def publish() -> None:
        try:
            node.publish("never acknowledged", client_message_id="never")
            outcome.append("OK")
        except grpc.RpcError as error:
            outcome.append(error.code().name)

    thread = threading.Thread(target=publish)
    thread.start()
    return thread


@pytest.fixture
def stalled_peer(start_node: StartNode) -> Iterator[NodeProcess]:
    """Give a peer that can be stopped in its tracks."""
    peer = start_node("stalled")
    yield peer
    peer.signal(signal.SIGCONT)


@pytest.mark.parametrize("what", ["sync", "commit"])
def test_a_node_ends_in_time_with_a_disk_that_hangs(
    hanging_node: NodeOnHangingDisk, stalled_peer: NodeProcess, what: str
) -> None:
    node, outcome = hanging_node, list[str]()
    node.connect(stalled_peer)
    acknowledged = node.publish("acknowledged").message_id
    with ExitStack() as stack:
        open_streams(node, stack)
        hold_metrics(node, stack)
        stalled_peer.signal(signal.SIGSTOP)
        node.hang(what)
        publishing = publish_unanswered(node, outcome)
        # It is under way: the next second brings no answer.
        publishing.join(1.0)
        assert outcome == []
        node.stop(STOP_S)
        publishing.join()
    assert outcome == ["UNAVAILABLE"]
    node.repair()
    node.start()
    with node.open_channel() as channel:
        request = chat_pb2.ListMessagesRequest(limit=10)
        page = chat_pb2_grpc.ChatServiceStub(channel).ListMessages(request, timeout=30)
    assert acknowledged in [event.message.message_id for event in page.messages]


@pytest.mark.parametrize("what", ["checkpoint", "read"])
def test_a_checkpoint_or_a_query_that_hangs_does_not_hold_up_the_end(
    hanging_node: NodeOnHangingDisk, what: str
) -> None:
    node = hanging_node
    node.hang(what)
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        published = stub.Publish(chat_pb2.PublishRequest(text="stored")).message_id
        asked = stub.ListMessages.future(chat_pb2.ListMessagesRequest(limit=10))
        wait_until(lambda: node.is_hung)
        node.stop(STOP_S)
        asked.cancel()
    node.repair()
    node.start()
    with node.open_channel() as channel:
        request = chat_pb2.ListMessagesRequest(limit=10)
        page = chat_pb2_grpc.ChatServiceStub(channel).ListMessages(request, timeout=30)
    assert [event.message.message_id for event in page.messages] == [published]


def test_a_second_signal_ends_the_node_at_once(hanging_node: NodeOnHangingDisk) -> None:
    hanging_node.hang("sync")
    publishing = publish_unanswered(hanging_node, [])
    publishing.join(1.0)
    hanging_node.signal(signal.SIGTERM)
    hanging_node.wait_logged("stopping")
    time.sleep(0.5)  # closer together, two signals are one
    began_s = time.monotonic()
    hanging_node.signal(signal.SIGINT)
    assert hanging_node.wait_ended() == 0
    assert time.monotonic() - began_s < AT_ONCE_S
    publishing.join()
    assert "second signal" in hanging_node.log()


def test_a_node_that_hangs_while_it_starts_ends_in_time(
    tmp_path: Path, services: list[Service]
) -> None:
    node = NodeOnHangingDisk("starting", tmp_path)
    services.append(node)
    node.directory.mkdir(exist_ok=True)
    node.hang("sync")
    node.spawn()
    wait_until(node.data_dir.exists)
    node.signal(signal.SIGTERM)
    assert node.wait_ended() == 0
    node.repair()
    node.start()


def test_a_signal_in_the_first_moments_ends_the_node(
    tmp_path: Path, services: list[Service]
) -> None:
    node = NodeProcess("young", tmp_path)
    services.append(node)
    node.spawn()
    wait_until(lambda: blocked_signals(node.pid) & (1 << (signal.SIGTERM - 1)))
    node.signal(signal.SIGTERM)
    assert node.wait_ended() == 0
    assert node.output() == ""


def blocked_signals(pid: int) -> int:
    """Return the mask of the signals that a process leaves to its stop switch."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("SigBlk:"):
            return int(line.split()[1], 16)
    raise AssertionError(f"process {pid} has no mask")
