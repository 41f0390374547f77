"""Behind every kind of router people talk at once, and directly wherever routers allow it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from operator import eq
from pathlib import Path

import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.forked import ForkedNode, Launcher
from tests.driver.listener import EventListener
from tests.driver.nat_lab import Nat, NatLab, open_nat_lab
from tests.driver.process import Service
from tests.driver.waiting import wait_until
from tests.network.test_relay import ELSEWHERE, connect, get_node, relayed_address

pytestmark = pytest.mark.netns

NATS = (Nat.OPEN, Nat.FULL_CONE, Nat.PORT_KEEPING, Nat.SYMMETRIC)
FIRST_WORD_WITHIN_S = 10.0
DIRECT_WITHIN_S = 5.0
RELAYED, DIRECT = chat_pb2.CONNECTION_KIND_RELAYED, chat_pb2.CONNECTION_KIND_DIRECT
GETS_THROUGH = (Nat.OPEN, Nat.FULL_CONE)
"""Whoever is behind one of these can be dialled by anybody."""
FLOW_S = 14.0
"""Longer than the relayed connection lives beside a direct one."""
PER_S = 20
SELDOM_PER_S = 4


def can_be_direct(a: Nat, b: Nat) -> bool:
    """Tell whether TCP gets through: not from a symmetric router, unless to an open end."""
    return Nat.SYMMETRIC not in (a, b) or a in GETS_THROUGH or b in GETS_THROUGH


class Lab:
    """Nodes behind routers, on one internet."""

    def __init__(
        self, nats: NatLab, directory: Path, launcher: Launcher, services: list[Service]
    ) -> None:
        self._nats = nats
        self._directory = directory
        self._launcher = launcher
        self._services = services

    def start(self, name: str, nat: Nat, **settings: object) -> ForkedNode:
        machine = self._nats.add_machine(nat)
        node = ForkedNode(
            name,
            self._directory,
            self._launcher,
            namespace=machine.name,
            listen="/ip4/0.0.0.0/tcp/4001",
            grpc_listen=f"unix:{self._directory}/{name}.sock",
            **settings,
        )
        self._services.append(node)
        node.start()
        return node


@pytest.fixture
def lab(tmp_path: Path, services: list[Service]) -> Iterator[Lab]:
    with open_nat_lab() as nats, Launcher() as launcher:
        yield Lab(nats, tmp_path, launcher, services)


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


def kind_of(node: ForkedNode, other: ForkedNode) -> Callable[[], int]:
    def look() -> int:
        peer = node.peers().get(other.peer_id)
        return peer.connection.kind if peer else 0

    return look


def departures_of(listener: EventListener, other: ForkedNode) -> list[str]:
    """List what was reported of a peer that went, or seemed to go."""
    kinds = ("peer_disconnected", "peer_left")
    named = ((each, each.WhichOneof("event")) for each in list(listener.events))
    return [k for each, k in named if k in kinds and getattr(each, k).peer_id == other.peer_id]


def texts_by_author(listener: EventListener, room: str) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for message in listener.messages:
        if message.room == room:
            texts.setdefault(message.author_id, []).append(message.text)
    return texts


def texts_of(listener: EventListener, room: str, author_id: str) -> list[str]:
    return texts_by_author(listener, room).get(author_id, [])


def test_every_pair_of_routers(lab: Lab) -> None:
    relay = lab.start("relay", Nat.OPEN, relay_service="on", rooms=ELSEWHERE)
    pairs = list(itertools.product(NATS, NATS))

    def rooms_of(index: int, nat: Nat) -> str:
        return ",".join(room_of(*pair) for pair in pairs if pair[index] is nat)

    reached = {
        nat: lab.start(f"to-{nat.value}", nat, relays=relay.address, rooms=rooms_of(0, nat))
        for nat in NATS
    }
    for nat in (Nat.PORT_KEEPING, Nat.SYMMETRIC):
        relayed_address(reached[nat], relay)
    callers = {
        nat: lab.start(f"from-{nat.value}", nat, bootstrap=relay.address, rooms=rooms_of(1, nat))
        for nat in NATS
    }
    with ExitStack() as open_, ThreadPoolExecutor(len(pairs)) as pool:
        listeners = {
            node.name: open_.enter_context(EventListener(node))
            for node in (*reached.values(), *callers.values())
        }

        def talk_in_pair(pair: tuple[Nat, Nat]) -> None:
            node, caller = reached[pair[0]], callers[pair[1]]
            check_pair(node, caller, room_of(*pair), listeners, pair)

        list(pool.map(talk_in_pair, pairs))


def check_pair(
    node: ForkedNode,
    caller: ForkedNode,
    room: str,
    listeners: dict[str, EventListener],
    pair: tuple[Nat, Nat],
) -> None:
    begin_s = time.monotonic()
    connect(caller, likely_address(node))
    with talking(caller, room, PER_S), talking(node, room, SELDOM_PER_S):
        for end, other in ((node, caller), (caller, node)):
            wait_until(
                partial(texts_of, listeners[end.name], room, other.peer_id),
                timeout_s=FIRST_WORD_WITHIN_S,
            )
        heard_s = time.monotonic()
        wanted = DIRECT if can_be_direct(*pair) else RELAYED
        for end, other in ((node, caller), (caller, node)):
            wait_until(kind_of(end, other), lambda kind: kind == wanted, timeout_s=DIRECT_WITHIN_S)
        print(pair, f"heard {heard_s - begin_s:.2f} direct {time.monotonic() - heard_s:.2f}")
    for end, other, per_s in ((node, caller, PER_S), (caller, node, SELDOM_PER_S)):
        expected = [f"{other.name} {number}" for number in range(int(FLOW_S * per_s))]
        wait_until(
            partial(texts_of, listeners[end.name], room, other.peer_id),
            partial(eq, expected),
            timeout_s=10,
        )
        assert not departures_of(listeners[end.name], other)
    assert kind_of(node, caller)() == kind_of(caller, node)() == wanted


def likely_address(node: ForkedNode) -> str:
    """Return what an invite would say: behind a relay while there is one, else the first."""
    addresses = get_node(node).addresses
    return next((each for each in addresses if "/p2p-circuit" in each), addresses[0])


def room_of(reached: Nat, caller: Nat) -> str:
    return f"{caller.value}-to-{reached.value}"
