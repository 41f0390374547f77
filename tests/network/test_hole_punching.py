"""Behind every kind of router people talk at once, and directly wherever routers allow it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.forked import ForkedNode, Launcher
from tests.driver.lan import Machine
from tests.driver.listener import EventListener
from tests.driver.nat_lab import Nat, NatLab, open_nat_lab
from tests.driver.process import Service
from tests.driver.waiting import SLACK_S, wait_until
from tests.network.test_relay import ELSEWHERE, connect, get_node, relayed_address

pytestmark = pytest.mark.netns

LISTEN = {"tcp": "/ip4/0.0.0.0/tcp/4001", "quic-v1": "/ip4/0.0.0.0/udp/4001/quic-v1"}
NATS = (Nat.OPEN, Nat.FULL_CONE, Nat.PORT_KEEPING, Nat.SYMMETRIC)
FIRST_WORD_WITHIN_S = 10.0 + SLACK_S
DIRECT_WITHIN_S = 5.0 + SLACK_S
ALL_WITHIN_S = 10.0 + SLACK_S
MAX_ATTEMPTS = 3
CARRIER = [(Nat.CARRIER_GRADE, each) for each in (*NATS, Nat.CARRIER_GRADE)]
PAIRS = {
    "tcp": [*itertools.product(NATS, NATS), *CARRIER],
    "quic-v1": [*itertools.combinations_with_replacement(NATS, 2), *CARRIER[2:]],
}
"""Whoever is behind the first router is dialled; QUIC costs more, and both ends dial alike."""
RELAYED, DIRECT = chat_pb2.CONNECTION_KIND_RELAYED, chat_pb2.CONNECTION_KIND_DIRECT
GETS_THROUGH = (Nat.OPEN, Nat.FULL_CONE)
"""Whoever is behind one of these can be dialled by anybody."""
FLOW_S = 14.0
"""Longer than the relayed connection lives beside a direct one."""
PER_S = 20
CIRCUIT_BYTES = 4 << 20
"""More than a pair says that stays relayed: what a used-up circuit means is tested elsewhere."""
SELDOM_PER_S = 2


def can_be_direct(a: Nat, b: Nat) -> bool:
    """Tell whether a way leads through: not from a symmetric router, unless to an open end."""
    return Nat.SYMMETRIC not in (a, b) or a in GETS_THROUGH or b in GETS_THROUGH


class Lab:
    """Nodes behind routers, on one internet."""

    def __init__(
        self,
        nats: NatLab,
        directory: Path,
        launcher: Launcher,
        services: list[Service],
        listen: str,
    ) -> None:
        self.machines: dict[str, Machine] = {}
        self._nats = nats
        self._directory = directory
        self._launcher = launcher
        self._services = services
        self._listen = listen

    def start(self, name: str, nat: Nat, **settings: object) -> ForkedNode:
        machine = self.machines[name] = self._nats.add_machine(nat)
        node = ForkedNode(
            name,
            self._directory,
            self._launcher,
            namespace=machine.name,
            listen=self._listen,
            grpc_listen=f"unix:{self._directory}/{name}.sock",
            # Open nodes relay as well, once they are found public.
            relay_circuit_bytes=CIRCUIT_BYTES,
            **settings,
        )
        self._services.append(node)
        node.start()
        return node


@contextmanager
def talking(node: ForkedNode, room: str, per_s: int) -> Iterator[None]:
    """Publish numbers to a room evenly for ``FLOW_S``; the block ends after the last."""
    with node.open_channel() as channel, ThreadPoolExecutor(1) as pool:
        stub = chat_pb2_grpc.ChatServiceStub(channel)

        def talk() -> None:
            begin_s = time.monotonic()
            for number in range(int(FLOW_S * per_s)):
                time.sleep(max(0.0, begin_s + number / per_s - time.monotonic()))
                text = f"{node.name} {number}"
                stub.Publish(chat_pb2.PublishRequest(room=room, text=text), timeout=30)

        talk_done = pool.submit(talk)
        yield
        talk_done.result()


@pytest.mark.parametrize("transport", LISTEN)
def test_every_pair_of_routers(tmp_path: Path, services: list[Service], transport: str) -> None:
    with open_nat_lab() as nats, Launcher() as launcher:
        check_pairs(Lab(nats, tmp_path, launcher, services, LISTEN[transport]), transport)


def check_pairs(lab: Lab, transport: str) -> None:
    pairs = PAIRS[transport]
    relay = lab.start("relay", Nat.OPEN, relay_service="on", rooms=ELSEWHERE)

    def rooms_of(index: int, nat: Nat) -> str:
        return ",".join(room_of(*pair) for pair in pairs if pair[index] is nat)

    reached = {
        nat: lab.start(f"to-{nat.value}", nat, relays=relay.address, rooms=rooms_of(0, nat))
        for nat in (*NATS, Nat.CARRIER_GRADE)
    }
    for nat in (Nat.PORT_KEEPING, Nat.SYMMETRIC, Nat.CARRIER_GRADE):
        relayed_address(reached[nat], relay)
    callers = {
        nat: lab.start(f"from-{nat.value}", nat, bootstrap=relay.address, rooms=rooms_of(1, nat))
        for nat in (*NATS, Nat.CARRIER_GRADE)
    }
    with ExitStack() as open_, ThreadPoolExecutor(len(pairs)) as pool:
        listeners = {
            node.name: open_.enter_context(EventListener(node))
            for node in (*reached.values(), *callers.values())
        }

        def talk_in_pair(pair: tuple[Nat, Nat]) -> None:
            node, caller, room = reached[pair[0]], callers[pair[1]], room_of(*pair)
            at_node = Hearing(node, caller, listeners[node.name], room, PER_S)
            at_caller = Hearing(caller, node, listeners[caller.name], room, SELDOM_PER_S)
            check_pair(pair, (at_node, at_caller))

        list(pool.map(talk_in_pair, pairs))
    keeping, symmetric = Nat.PORT_KEEPING, Nat.SYMMETRIC
    punch = wait_punch(reached[keeping], callers[keeping])
    assert (punch.result, punch.transport) == (chat_pb2.HOLE_PUNCH_RESULT_SUCCEEDED, transport)
    assert 1 <= punch.attempt_count <= MAX_ATTEMPTS
    punch = wait_punch(reached[symmetric], callers[symmetric])
    assert punch.result == chat_pb2.HOLE_PUNCH_RESULT_NO_CONNECTION
    assert punch.attempt_count == MAX_ATTEMPTS


def wait_punch(node: ForkedNode, other: ForkedNode) -> chat_pb2.HolePunch:
    """Wait until hole punching with a peer has ended; return how."""

    def look() -> list[chat_pb2.HolePunch]:
        return [p for p in get_node(node).reach.hole_punches if p.peer_id == other.peer_id]

    return wait_until(look, timeout_s=ALL_WITHIN_S)[-1]


@dataclass(frozen=True)
class Hearing:
    """One end of a pair, and what it hears of the other.

    Attributes:
        per_s: How many messages the other end sends in a second.
    """

    node: ForkedNode
    other: ForkedNode
    listener: EventListener
    room: str
    per_s: int

    def texts(self) -> list[str]:
        messages = ((each.room, each.author_id, each.text) for each in self.listener.messages)
        wanted = (self.room, self.other.peer_id)
        return [text for room, author_id, text in messages if (room, author_id) == wanted]

    def everything(self) -> list[str]:
        return [f"{self.other.name} {number}" for number in range(int(FLOW_S * self.per_s))]

    def kind(self) -> int:
        peer = self.node.peers().get(self.other.peer_id)
        return peer.connection.kind if peer else 0

    def reported_kinds(self) -> list[int]:
        """List in which ways the other was reported to be connected."""
        events = [e.peer_connected.peer for e in list(self.listener.events)]
        return [each.connection.kind for each in events if each.peer_id == self.other.peer_id]

    def departures(self) -> list[str]:
        """List what was reported of the other's going, so that a flap is seen."""
        events = list(self.listener.events)
        gone = [e.peer_disconnected.peer_id for e in events if e.HasField("peer_disconnected")]
        left = [e.peer_left.peer_id for e in events if e.HasField("peer_left")]
        return [peer_id for peer_id in (*gone, *left) if peer_id == self.other.peer_id]


def check_pair(pair: tuple[Nat, Nat], ends: tuple[Hearing, Hearing]) -> None:
    room, caller, node = ends[0].room, ends[0].other, ends[0].node
    wanted = DIRECT if can_be_direct(*pair) else RELAYED
    begin_s = time.monotonic()
    connect(caller, likely_address(node))
    with talking(caller, room, PER_S), talking(node, room, SELDOM_PER_S):
        for end in ends:
            left_s = begin_s + FIRST_WORD_WITHIN_S - time.monotonic()
            wait_until(end.texts, timeout_s=left_s)
        for end in ends:
            wait_until(end.kind, wanted.__eq__, timeout_s=DIRECT_WITHIN_S)
    for end in ends:
        wait_until(end.texts, end.everything().__eq__, timeout_s=ALL_WITHIN_S)
        assert end.departures() == []
        assert end.kind() == wanted, f"{pair} did not stay as it was"
        assert end.reported_kinds()[-1:] in ([], [wanted])


def likely_address(node: ForkedNode) -> str:
    """Return what an invite would say: behind a relay while there is one, else the first."""
    addresses = get_node(node).addresses
    return next((each for each in addresses if "/p2p-circuit" in each), addresses[0])


def room_of(reached: Nat, caller: Nat) -> str:
    return f"{caller.value}-to-{reached.value}"
