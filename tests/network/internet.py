"""Nodes on machines whose addresses look public, one of them a router with a home behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import NodeProcess
from tests.driver.lan import Machine
from tests.driver.nat_lab import Nat, open_nat_lab
from tests.driver.process import Service

LISTEN = "/ip4/0.0.0.0/tcp/4001"


@dataclass
class Internet:
    """Machines on one bridge."""

    directory: Path
    services: list[Service]
    machines: list[Machine]
    router: Machine
    home: Machine

    def start(
        self, name: str, machine: Machine, listen: str = LISTEN, **settings: object
    ) -> NodeProcess:
        """Start a node on a machine, alone in its room."""
        node = NodeProcess(
            name,
            self.directory,
            prefix=machine.prefix,
            listen=listen,
            rooms=name,
            grpc_listen=f"unix:{self.directory}/{name}.sock",
            **settings,
        )
        self.services.append(node)
        node.start()
        return node


@contextmanager
def open_internet(machines: int, directory: Path, services: list[Service]) -> Iterator[Internet]:
    """Make so many machines and a router, undone at the end."""
    with open_nat_lab() as lab:
        *others, router = [lab.add_machine(Nat.OPEN) for _ in range(machines + 1)]
        home = lab.add_behind(router, Nat.PORT_KEEPING)
        yield Internet(directory, services, others, router, home)


def get_node(node: NodeProcess) -> chat_pb2.Node:
    """Ask a node what it says of itself."""
    with node.open_channel() as channel:
        return chat_pb2_grpc.ChatServiceStub(channel).GetNode(chat_pb2.GetNodeRequest()).node


def connect(node: NodeProcess, address: str) -> None:
    """Have a node dial an address."""
    with node.open_channel() as channel:
        request = chat_pb2.ConnectRequest(address=address)
        chat_pb2_grpc.ChatServiceStub(channel).Connect(request, timeout=20)
