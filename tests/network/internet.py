"""Nodes on machines whose addresses look public, one of them a router with a home behind."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import NodeProcess
from tests.driver.lan import Machine, run_ip, run_program
from tests.driver.nat_lab import Nat, open_nat_lab
from tests.driver.process import Service

OUTSIDE_6, OUTSIDE_BITS = "2a00:77:{}::1", 32
"""Each machine is in a /56 of its own, which is what counts as one observer."""
INSIDE_6, INSIDE_BITS = "2a00:78:0:1", 64
HOME_6 = f"{INSIDE_6}::2"
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


@contextmanager
def ipv6_internet(machines: int, directory: Path, services: list[Service]) -> Iterator[Internet]:
    """Make such an internet with IPv6 besides, of which the router translates nothing."""
    with open_internet(machines, directory, services) as internet:
        _add_ipv6(internet)
        yield internet


def _add_ipv6(internet: Internet) -> None:
    everybody = [*internet.machines, internet.router, internet.home]
    for machine in everybody:
        switch = "net.ipv6.conf.all.disable_ipv6=0"
        run_program(*machine.prefix, "sysctl", "-qw", switch)
    for number, machine in enumerate([internet.router, *internet.machines], 1):
        _add_address(machine, f"{OUTSIDE_6.format(number)}/{OUTSIDE_BITS}", "eth0")
    _add_address(internet.router, f"{INSIDE_6}::1/{INSIDE_BITS}", "inside")
    _add_address(internet.home, f"{HOME_6}/{INSIDE_BITS}", "eth0")
    run_program(*internet.router.prefix, "sysctl", "-qw", "net.ipv6.conf.all.forwarding=1")
    for machine in internet.machines:
        run_ip(machine.name, "route", "add", f"{INSIDE_6}::/64", "via", OUTSIDE_6.format(1))
    run_ip(internet.home.name, "route", "add", "default", "via", f"{INSIDE_6}::1")


def _add_address(machine: Machine, address: str, interface: str) -> None:
    run_ip(machine.name, "address", "add", address, "dev", interface, "nodad")


def get_node(node: NodeProcess) -> chat_pb2.Node:
    """Ask a node what it says of itself."""
    with node.open_channel() as channel:
        return chat_pb2_grpc.ChatServiceStub(channel).GetNode(chat_pb2.GetNodeRequest()).node


def connect(node: NodeProcess, address: str) -> None:
    """Have a node dial an address."""
    with node.open_channel() as channel:
        request = chat_pb2.ConnectRequest(address=address)
        chat_pb2_grpc.ChatServiceStub(channel).Connect(request, timeout=20)
