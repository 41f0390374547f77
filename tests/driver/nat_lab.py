"""An internet of namespaces: public addresses on one bridge, and routers that translate.

Every router drops what is unasked for and refuses nothing: a refused SYN ends a
simultaneous open that a dropped one lets through. The outside is 11.0.0.0/16, which
looks public: go peers punch holes only between such addresses. IPv6 is off.
"""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from enum import Enum

from tests.driver.lan import Machine, add_namespace, run_ip, run_program
from tests.driver.launcher import enter_namespace

OUTSIDE_BITS = 16


class Nat(Enum):
    """What a router does to the addresses of the machine behind it."""

    OPEN = "open"
    """There is no router: the machine has a public address."""
    FULL_CONE = "full-cone"
    """Keeps ports, and passes what comes for any port of TCP or UDP on."""
    PORT_KEEPING = "port-keeping"
    """Keeps ports; only answers get in."""
    SYMMETRIC = "symmetric"
    """Takes another port for each destination; only answers get in."""
    CARRIER_GRADE = "carrier-grade"
    """Two port-keeping routers in a row."""


@dataclass(slots=True)
class NatLab:
    """Makes machines on the outside, or behind routers."""

    name: str
    undo: ExitStack
    _count: int = field(default=0)
    _routers: dict[str, Machine] = field(default_factory=dict)

    @property
    def _bridge(self) -> str:
        return f"{self.name}-outside"

    def add_machine(self, nat: Nat) -> Machine:
        """Make a machine, and the routers in front of it."""
        if nat is Nat.OPEN:
            return self._add_outside()
        if nat is Nat.CARRIER_GRADE:
            carrier = self._add_outside()
            home_router = self.add_behind(carrier, Nat.PORT_KEEPING, "100.64.{}")
            return self.add_behind(home_router, Nat.PORT_KEEPING)
        return self.add_behind(self._add_outside(), nat)

    def outside_of(self, machine: Machine) -> Machine:
        """Return what a machine is seen as: the outermost router in front of it, or itself."""
        while machine.name in self._routers:
            machine = self._routers[machine.name]
        return machine

    def cut(self, here: Machine, there: Machine) -> None:
        """Lose all that goes straight from one side to the other, before any router sees it."""
        for end, other in ((here, there), (there, here)):
            address = self.outside_of(other).address
            rules = [
                "add table ip cut",
                "add chain ip cut in { type filter hook prerouting priority raw ; }",
                f"add rule ip cut in ip saddr {address} drop",
            ]
            run_program(*self.outside_of(end).prefix, "nft", "\n".join(rules))

    def join(self, *cut: Machine) -> None:
        """Undo ``cut``."""
        for machine in cut:
            run_program(*self.outside_of(machine).prefix, "nft", "delete table ip cut")

    def _add_outside(self) -> Machine:
        number = self._next_number()
        machine = Machine(f"{self.name}-{number}", f"11.0.{number}.1", OUTSIDE_BITS)
        self._add_namespace(machine.name)
        port = f"port{number}"
        run_ip(
            self._bridge,
            *("link", "add", port, "type", "veth", "peer", "eth0", "netns", machine.name),
        )
        run_ip(self._bridge, "link", "set", port, "master", "bridge", "up")
        machine.plug_in()
        return machine

    def add_behind(self, router: Machine, nat: Nat, network: str = "192.168.{}") -> Machine:
        """Make a machine into a router, and another one behind it."""
        prefix = network.format(self._next_number())
        machine = Machine(f"{self.name}-{self._count}", f"{prefix}.2")
        self._routers[machine.name] = router
        self._add_namespace(machine.name)
        run_ip(
            router.name,
            *("link", "add", "inside", "type", "veth", "peer", "eth0", "netns", machine.name),
        )
        run_ip(router.name, "address", "add", f"{prefix}.1/24", "dev", "inside")
        run_ip(router.name, "link", "set", "inside", "up")
        machine.plug_in()
        run_ip(machine.name, "route", "add", "default", "via", f"{prefix}.1")
        run_program(*router.prefix, "sysctl", "-qw", "net.ipv4.ip_forward=1")
        run_program(*router.prefix, "nft", "\n".join(_rules(nat, machine.address)))
        return machine

    def _add_namespace(self, name: str) -> None:
        add_namespace(self.undo, name)
        switch_off_ipv6(name)

    def _next_number(self) -> int:
        self._count += 1
        return self._count


@contextmanager
def open_nat_lab() -> Iterator[NatLab]:
    """Make the outside; all of it and what was added to it is undone at the end."""
    with ExitStack() as undo:
        lab = NatLab(f"wspnat{os.getpid()}", undo)
        bridge = f"{lab.name}-outside"
        add_namespace(undo, bridge)
        switch_off_ipv6(bridge)
        run_ip(bridge, "link", "add", "bridge", "type", "bridge")
        run_ip(bridge, "link", "set", "bridge", "up")
        yield lab


def switch_off_ipv6(namespace: str) -> None:
    """Leave a namespace IPv4 alone, where the kernel has IPv6 at all."""
    script = "f=/proc/sys/net/ipv6/conf/all/disable_ipv6; [ ! -e $f ] || echo 1 > $f"
    run_program("ip", "netns", "exec", namespace, "sh", "-c", script)


def socket_on(machine: Machine, kind: socket.SocketKind) -> socket.socket:
    """Make an IPv4 socket on a machine, to be used from anywhere."""
    made: list[socket.socket] = []

    def make() -> None:
        enter_namespace(machine.name)
        made.append(socket.socket(socket.AF_INET, kind))

    # A thread may enter a namespace alone, and it ends with the thread.
    thread = threading.Thread(target=make)
    thread.start()
    thread.join()
    return made[0]


def _rules(nat: Nat, inside: str) -> list[str]:
    translation = "masquerade fully-random" if nat is Nat.SYMMETRIC else "masquerade"
    rules = [
        "add table ip router",
        "add chain ip router out { type nat hook postrouting priority srcnat ; }",
        f"add rule ip router out oifname eth0 {translation}",
        "add chain ip router own { type filter hook input priority 0 ; policy drop ; }",
        "add rule ip router own iifname inside accept",
        "add rule ip router own ct state established,related accept",
        "add chain ip router through { type filter hook forward priority 0 ; policy drop ; }",
        "add rule ip router through iifname inside accept",
        "add rule ip router through ct state established,related accept",
        "add rule ip router through ct status dnat accept",
    ]
    if nat is Nat.FULL_CONE:
        rules += [
            "add chain ip router in { type nat hook prerouting priority dstnat ; }",
            f"add rule ip router in iifname eth0 meta l4proto {{ tcp, udp }} dnat to {inside}",
        ]
    return rules
