"""Nodes that have nothing but QUIC: a burst arrives whole, also beside a peer that hangs."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.driver import NodeProcess
from tests.driver.fixtures import StartNode
from tests.driver.lan import open_lan
from tests.driver.listener import EventListener
from tests.driver.process import Service
from tests.driver.waiting import wait_until
from tests.network.test_relay import RELAYED, connect, relayed_address
from tests.network.test_rooms import ROOM, connect_all, publish_paced

QUIC = "/ip4/127.0.0.1/udp/0/quic-v1"
BURST = 2_000
LOSSY_BURST = 500
NOTICED_WITHIN_S = 30.0


def test_a_burst_arrives_whole_and_a_hung_peer_is_noticed(start_node: StartNode) -> None:
    author, reader, hung = (start_node(name, listen=QUIC) for name in ("author", "reader", "hung"))
    connect_all([author, reader])
    hung.connect(author)
    author.wait_peer(hung, ROOM)
    peers = author.peers(ROOM)
    assert {each.connection.transport for each in peers.values()} == {"quic-v1"}
    with EventListener(reader) as listener, EventListener(hung) as late:
        os.kill(hung.pid, signal.SIGSTOP)
        try:
            publish_paced(author, BURST, per_second=100_000)
            heard = listener.wait_messages(BURST, timeout_s=60)
            assert [message.text for message in heard] == [f"author {n}" for n in range(BURST)]
            wait_until(
                lambda: set(author.peers(ROOM)),
                lambda seen: seen == {reader.peer_id},
                timeout_s=NOTICED_WITHIN_S,
            )
        finally:
            os.kill(hung.pid, signal.SIGCONT)
        late.wait_messages(BURST, timeout_s=60)
        assert len(set(late.texts)) == len(late.texts) == BURST


def test_a_relay_is_reached_and_relays_over_quic(start_node: StartNode) -> None:
    relay = start_node("relay", relay_service="on", listen=QUIC)
    hidden = start_node("hidden", listen="none", relays=relay.address)
    hidden.wait_peer(relay, ROOM)
    relay.wait_peer(hidden, ROOM)
    caller = start_node("caller", listen="none")
    with EventListener(hidden) as listener:
        connect(caller, relayed_address(hidden, relay))
        connection = caller.peers()[hidden.peer_id].connection
        assert (connection.kind, connection.transport) == (RELAYED, "quic-v1")
        caller.wait_peer(hidden, ROOM)
        caller.publish("through the relay")
        listener.wait_text("through the relay")


@pytest.mark.netns
def test_nothing_is_lost_on_a_network_that_loses_a_datagram_in_20(
    tmp_path: Path, services: list[Service]
) -> None:
    with open_lan(2) as (here, there):
        author, reader = (
            NodeProcess(
                name,
                tmp_path,
                prefix=machine.prefix,
                listen=f"/ip4/{machine.address}/udp/4001/quic-v1",
                grpc_listen=f"unix:{tmp_path}/{name}.sock",
            )
            for name, machine in (("author", here), ("reader", there))
        )
        for node in (author, reader):
            services.append(node)
            node.start()
        connect_all([author, reader])
        for machine in (here, there):
            machine.hear(loss_percent=5)
        with EventListener(reader) as listener:
            publish_paced(author, LOSSY_BURST, per_second=100_000)
            heard = listener.wait_messages(LOSSY_BURST, timeout_s=60)
            assert [each.text for each in heard] == [f"author {n}" for n in range(LOSSY_BURST)]
        assert reader.peers(ROOM)[author.peer_id].connection.transport == "quic-v1"
        for node in (author, reader):
            node.stop()
