"""Nodes and gateways with their rate limits out of the way, for one run of a subject."""

from __future__ import annotations

import os
import resource
import signal
import socket
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import GatewayProcess, NodeProcess, Service
from tests.driver.forked import ForkedNode, Launcher
from tests.network.test_relay import connect, relayed_address

NO_LIMIT = 1_000_000
NO_LIMITS: Mapping[str, Any] = {"publish_rate": NO_LIMIT, "publish_burst": NO_LIMIT}
#: Members of the audience send nothing and answer no pings.
LONG_S = 3_600
STOP_S = 30.0
METRICS_S = 30.0


@contextmanager
def running_services() -> Iterator[Running]:
    """Give what starts nodes and gateways; all are stopped at the end."""
    with tempfile.TemporaryDirectory(prefix="wsp-bench-") as directory:
        running = Running(Path(directory))
        try:
            yield running
        finally:
            running.stop()


class Running:
    """The nodes and gateways of one run."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._services: list[Service] = []

    def new_directory(self) -> Path:
        """Make a directory that is gone after the run."""
        return Path(tempfile.mkdtemp(dir=self._directory))

    def start_node(self, **settings: object) -> NodeProcess:
        """Start a node that knows nobody."""
        node = self.new_node(**settings)
        node.start()
        return node

    def new_node(self, **settings: Any) -> NodeProcess:
        """Make a node without starting it."""
        node = NodeProcess(self._next_name(), self._directory, **{**NO_LIMITS, **settings})
        self.add(node)
        return node

    def add(self, service: Service) -> None:
        """Stop a service at the end of the run, however it was made."""
        self._services.append(service)

    def start_forked_node(self, launcher: Launcher, **settings: Any) -> NodeProcess:
        """Start a node without the seconds that its imports take; see ``launcher``."""
        node = ForkedNode(self._next_name(), self._directory, launcher, **{**NO_LIMITS, **settings})
        self._services.append(node)
        node.start()
        return node

    def _next_name(self) -> str:
        return f"node{len(self._services)}"

    def start_node_pair(self, **settings: object) -> tuple[NodeProcess, NodeProcess]:
        """Start two nodes that know each other to be in the room."""
        a, b = self.start_node(**settings), self.start_node(**settings)
        b.connect(a)
        a.wait_peer(b, "chat-room")
        b.wait_peer(a, "chat-room")
        return a, b

    def start_relayed_pair(self) -> tuple[NodeProcess, NodeProcess]:
        """Start two nodes that only dial, connected through a third that is in another room."""
        relay = self.start_node(
            relay_service="on", rooms="elsewhere", relay_circuit_bytes=0, relay_circuit_s=0
        )
        a, b = (
            self.start_node(listen="none", relays=relay.address, hole_punching="off")
            for _ in range(2)
        )
        connect(a, relayed_address(b, relay))
        a.wait_peer(b, "chat-room")
        b.wait_peer(a, "chat-room")
        return a, b

    def start_gateway(self, node: NodeProcess, **settings: object) -> GatewayProcess:
        """Start a gateway in front of a node."""
        gateway = GatewayProcess(
            f"gateway{len(self._services)}",
            self._directory,
            node.grpc_address,
            message_rate=NO_LIMIT,
            message_burst=NO_LIMIT,
            stall_timeout_s=LONG_S,
            **settings,
        )
        self._services.append(gateway)
        gateway.start()
        gateway.wait_node_reachable()
        return gateway

    def stop(self) -> None:
        """Stop all that run."""
        running = [service for service in self._services if service.running]
        for service in running:
            service.signal(signal.SIGTERM)
        for service in running:
            service.wait_stopped(STOP_S)


def message_count(node: NodeProcess) -> int:
    """Return how many messages of its room a node keeps."""
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        (room,) = stub.ListRooms(chat_pb2.ListRoomsRequest()).rooms
        return room.message_count


def free_port() -> int:
    """Return a TCP port of loopback that nobody uses now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def metric_value(port: int, name: str) -> int:
    """Return what a node's metrics at a port of loopback say, of a metric without labels."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=METRICS_S).text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    return int(families[name].samples[0].value)


def resident_bytes(pid: int) -> int:
    """Return how much of a process lies in memory."""
    return _memory_bytes(pid, "VmRSS:")


def peak_bytes(pid: int) -> int:
    """Return the most that ever lay in memory of a process."""
    return _memory_bytes(pid, "VmHWM:")


def _memory_bytes(pid: int, field: str) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024


def processor_s(pid: int) -> float:
    """Return how much processor time a process has taken, in user and kernel."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def allow_open_files(wanted: int) -> None:
    """Let this process have so many files open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, max(hard, wanted)))
