"""Nodes that nobody can dial, reached through nodes that relay."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol

import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import EventListener, NodeProcess
from tests.driver.fixtures import StartNode
from tests.driver.waiting import SLACK_S, wait_until
from tests.p2pd.node.test_metrics import scrape

REMADE_WITHIN_S = 10.0 + SLACK_S
RELAYED = chat_pb2.CONNECTION_KIND_RELAYED
ELSEWHERE = "elsewhere"
"""A room that only relays are in: what passes between the others passes through circuits."""
STAYING = {"hole_punching": "off"}
"""What keeps a relayed connection the only one."""


@pytest.mark.parametrize(
    ("listen", "transport"),
    [("/ip4/127.0.0.1/tcp/0", "tcp"), ("/ip4/127.0.0.1/udp/0/quic-v1", "quic-v1")],
)
def test_node_that_only_dials_is_reached_through_a_relay(
    start_node: StartNode, free_tcp_port: int, listen: str, transport: str
) -> None:
    page = f"127.0.0.1:{free_tcp_port}"
    relay = start_node(
        "relay", relay_service="on", rooms=ELSEWHERE, metrics_listen=page, listen=listen
    )
    hidden = start_node("hidden", listen="none", relays=relay.address, **STAYING)
    caller = start_node("caller")
    with EventListener(hidden) as at_hidden, EventListener(caller) as at_caller:
        connect(caller, relayed_address(hidden, relay))
        for node, other in ((caller, hidden), (hidden, caller)):
            connection = node.peers()[other.peer_id].connection
            assert connection.kind == RELAYED
            assert (connection.relay_id, connection.transport) == (relay.peer_id, transport)
            assert connection.is_limited
        caller.publish("through the relay")
        at_hidden.wait_text("through the relay")
        hidden.publish("and back")
        at_caller.wait_text("and back")
        wait_until(lambda: caller.peers()[hidden.peer_id].connection.HasField("round_trip"))
    (reservation,) = get_node(hidden).reach.relays
    assert reservation.relay_id == relay.peer_id
    assert list(reservation.addresses) == [relayed_address(hidden, relay)]
    service = get_node(relay).reach.relay_service
    assert (service.is_on, service.circuit_count) == (True, 1)
    assert service.reservation_count in (1, 2)  # the caller does not know that it is public
    metrics = scrape(page)
    assert (metrics["p2pd_relay_service"], metrics["p2pd_relay_circuits"]) == (1, 1)
    assert metrics["p2pd_relay_circuits_opened_total"] == 1
    assert metrics["p2pd_relay_bytes_total"] > 1000


def test_member_of_a_room_of_the_relay_is_not_limited(start_node: StartNode) -> None:
    relay = start_node("relay", relay_service="on")
    hidden = start_node("hidden", listen="none", relays=relay.address, **STAYING)
    hidden.wait_peer(relay, "chat-room")
    relay.wait_peer(hidden, "chat-room")
    caller = start_node("caller")
    connect(caller, relayed_address(hidden, relay))
    connection = caller.peers()[hidden.peer_id].connection
    assert (connection.kind, connection.is_limited) == (RELAYED, False)


def test_killed_relay_costs_no_message_where_there_is_another(start_node: StartNode) -> None:
    relays = [start_node(name, relay_service="on", rooms=ELSEWHERE) for name in ("r1", "r2")]
    addresses = ",".join(relay.address for relay in relays)
    hidden = start_node("hidden", listen="none", relays=addresses, **STAYING)
    for relay in relays:
        relayed_address(hidden, relay)
    caller = start_node("caller", listen="none")
    connect(caller, relayed_address(hidden, relays[0]))
    with EventListener(hidden) as at_hidden, EventListener(caller) as at_caller:
        say_both_ways(caller, hidden, range(20))
        relays[0].kill()
        killed_s = time.monotonic()
        say_both_ways(caller, hidden, range(20, 60))
        wanted = {f"{node.name} {number}" for node in (caller, hidden) for number in range(60)}
        wait_heard_since(killed_s, (at_hidden, at_caller), len(wanted))
        for listener in (at_hidden, at_caller):
            assert sorted(listener.texts) == sorted(wanted)
        assert caller.peers()[hidden.peer_id].connection.relay_id == relays[1].peer_id
    relays[0].start()
    wait_until(
        lambda: {each.relay_id for each in get_node(hidden).reach.relays},
        lambda held: held == {relay.peer_id for relay in relays},
        timeout_s=REMADE_WITHIN_S,
    )


def test_room_mate_that_relays_is_found_and_its_address_announced(start_node: StartNode) -> None:
    relay = start_node("relay", relay_service="on")
    hidden = start_node("hidden", listen="none", bootstrap=relay.address)
    address = relayed_address(hidden, relay)
    caller = start_node("caller", bootstrap=relay.address)
    caller.wait_peer(hidden, "chat-room")
    wait_until(lambda: list(caller.peers()[hidden.peer_id].addresses), lambda seen: address in seen)


def test_relay_that_only_the_dht_knows_is_found(start_node: StartNode) -> None:
    server = start_node("server")
    relay = start_node("relay", relay_service="on", bootstrap=server.address, rooms=ELSEWHERE)
    server.wait_peer(relay)
    hidden = start_node("hidden", listen="none", bootstrap=server.address, rooms="alone")
    relayed_address(hidden, relay)


def wait_heard_since(killed_s: float, listeners: Iterable[EventListener], count: int) -> None:
    """Wait until each has heard so many messages, no longer than a new reservation may take."""
    for listener in listeners:
        left_s = killed_s + REMADE_WITHIN_S - time.monotonic()
        listener.wait_messages(count, timeout_s=left_s)


def say_both_ways(a: NodeProcess, b: NodeProcess, numbers: range) -> None:
    for number in numbers:
        for node in (a, b):
            node.publish(f"{node.name} {number}")


class HasPeerId(Protocol):
    """A node, or a peer of another implementation."""

    @property
    def peer_id(self) -> str: ...


def relayed_address(node: NodeProcess, relay: HasPeerId) -> str:
    """Wait until a node announces an address behind a relay, and return that."""
    addresses = wait_until(
        lambda: list(get_node(node).addresses),
        lambda seen: any(f"/p2p/{relay.peer_id}/p2p-circuit" in address for address in seen),
        timeout_s=REMADE_WITHIN_S,
    )
    return next(address for address in addresses if relay.peer_id in address)


def get_node(node: NodeProcess) -> chat_pb2.Node:
    with node.open_channel() as channel:
        return chat_pb2_grpc.ChatServiceStub(channel).GetNode(chat_pb2.GetNodeRequest()).node


def connect(node: NodeProcess, address: str) -> None:
    with node.open_channel() as channel:
        request = chat_pb2.ConnectRequest(address=address)
        chat_pb2_grpc.ChatServiceStub(channel).Connect(request, timeout=20)
