"""The lab's routers do what their names say, seen through plain sockets."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.driver.lan import Machine
from tests.driver.nat_lab import Nat, NatLab, open_nat_lab, socket_on
from tests.driver.waiting import wait_until

pytestmark = pytest.mark.netns

PORT = 4001
UNANSWERED_S = 0.4
TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
TRANSLATED = (Nat.FULL_CONE, Nat.PORT_KEEPING, Nat.SYMMETRIC, Nat.CARRIER_GRADE)


@pytest.fixture(scope="module")
def lab() -> Iterator[NatLab]:
    with open_nat_lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def outside(lab: NatLab) -> list[Machine]:
    return [lab.add_machine(Nat.OPEN) for _ in range(2)]


@pytest.mark.parametrize("nat", TRANSLATED)
def test_router_translates_as_its_name_says(lab: NatLab, outside: list[Machine], nat: Nat) -> None:
    inside = lab.add_machine(nat)
    first, second = (seen_at(inside, other) for other in outside)
    assert first[0] == second[0] != inside.address
    ports_are_kept = (first[1], second[1]) == (PORT, PORT)
    assert ports_are_kept is (nat is not Nat.SYMMETRIC)
    assert (first[1] == second[1]) is (nat is not Nat.SYMMETRIC)
    assert is_let_in(outside[0], inside, first[0]) is (nat is Nat.FULL_CONE)


@pytest.mark.parametrize(
    ("here", "there", "opens"),
    [
        (Nat.PORT_KEEPING, Nat.PORT_KEEPING, True),
        (Nat.PORT_KEEPING, Nat.CARRIER_GRADE, True),
        (Nat.SYMMETRIC, Nat.PORT_KEEPING, False),
    ],
)
def test_simultaneous_open_passes_routers_that_keep_ports(
    lab: NatLab, outside: list[Machine], here: Nat, there: Nat, opens: bool
) -> None:
    machines = [lab.add_machine(nat) for nat in (here, there)]
    seen = [seen_at(machine, outside[0]) for machine in machines]
    with closing(bound(machines[0], TCP)) as a, closing(bound(machines[1], TCP)) as b:
        for end, other in ((a, seen[1]), (b, seen[0])):
            end.setblocking(False)
            assert end.connect_ex((other[0], PORT)) == errno.EINPROGRESS
        assert are_connected([a, b]) is opens


def are_connected(ends: list[socket.socket]) -> bool:
    """Wait for as long as two SYNs, the second a second after the first."""
    left = list(ends)
    while left:
        _, writable, _ = select.select([], left, [], 1.5)
        if not writable or any(e.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) for e in writable):
            return False
        left = [end for end in left if end not in writable]
    return True


def bound(machine: Machine, kind: socket.SocketKind) -> socket.socket:
    made = socket_on(machine, kind)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("", PORT))
    made.settimeout(UNANSWERED_S)
    return made


def seen_at(inside: Machine, outside: Machine) -> tuple[str, int]:
    """Send from the port of a machine, and tell where the other end sees that from."""
    with closing(bound(inside, UDP)) as sender, closing(bound(outside, UDP)) as receiver:
        receiver.settimeout(10)
        sender.sendto(b"where am I", (outside.address, PORT))
        _, (ip, port) = receiver.recvfrom(64)
        receiver.sendto(b"there", (ip, port))
        assert sender.recv(64) == b"there"
        return str(ip), int(port)


def is_let_in(outside: Machine, inside: Machine, address: str) -> bool:
    """Tell whether what nobody asked for arrives; else it must get no answer at all."""
    with closing(bound(inside, TCP)) as listener, closing(socket_on(outside, TCP)) as caller:
        listener.listen()
        caller.setblocking(False)
        assert caller.connect_ex((address, PORT)) == errno.EINPROGRESS
        _, answered, _ = select.select([], [caller], [], UNANSWERED_S)
        if not answered:
            return False
        wait_until(lambda: caller.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0, timeout_s=0)
        listener.accept()[0].close()
        return True
