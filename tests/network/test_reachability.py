"""Whether nodes find out by each other's dials that the internet reaches them."""

from __future__ import annotations

from pathlib import Path

import pytest
from wsp.chat.v1 import chat_pb2

from tests.driver import NodeProcess
from tests.driver.lan import open_lan, run_program
from tests.driver.process import Service
from tests.driver.waiting import wait_until
from tests.network.internet import LISTEN, Internet, get_node, open_internet

pytestmark = pytest.mark.netns

WITHIN_S = 60.0
PUBLIC = chat_pb2.REACHABILITY_PUBLIC
PRIVATE = chat_pb2.REACHABILITY_PRIVATE
UNKNOWN = chat_pb2.REACHABILITY_UNSPECIFIED
KAD = "/ipfs/kad/1.0.0"
FIREWALL = """\
add table inet firewall
add chain inet firewall in { type filter hook input priority filter ; }
add rule inet firewall in ct state established,related accept
add rule inet firewall in udp dport 4001 drop
"""
AUTONAT = chat_pb2.EVIDENCE_KIND_AUTONAT


def test_nodes_find_out_by_dials_of_others_who_can_be_reached(
    tmp_path: Path, services: list[Service]
) -> None:
    with open_internet(4, tmp_path, services) as internet:
        check_verdicts(internet)


def check_verdicts(internet: Internet) -> None:
    """One node is behind a router, and one behind a firewall that drops unasked UDP."""
    others = [internet.start(f"n{n}", machine) for n, machine in enumerate(internet.machines[:3])]
    public = others[0].address
    hidden = internet.start("hidden", internet.home, bootstrap=public)
    machine = internet.machines[3]
    run_program(*machine.prefix, "nft", FIREWALL)
    half = internet.start("half", machine, f"{LISTEN},/ip4/0.0.0.0/udp/4001/quic-v1")
    tcp, quic = (f"/ip4/{machine.address}/{each}" for each in ("tcp/4001", "udp/4001/quic-v1"))
    assert any(address.startswith(quic) for address in get_node(half).addresses)
    for other in others:
        half.connect(other)
        hidden.connect(other)
    node = wait_until(
        lambda: get_node(half),
        lambda seen: found(seen) == {"tcp": PUBLIC, "quic-v1": PRIVATE},
        timeout_s=WITHIN_S,
    )
    assert node.reachability == PUBLIC
    assert [each.rpartition("/p2p/")[0] for each in node.addresses] == [tcp]
    assert {each.address: each.is_reachable for each in answers(node)} == {tcp: True, quic: False}
    assert len({each.peer_id for each in answers(node)}) >= 3
    node = wait_answers(hidden, 3)
    assert node.reachability == PRIVATE
    assert not any(each.is_reachable for each in node.reach.evidence)
    assert not any(internet.router.address in address for address in node.addresses)
    wait_until(
        lambda: [KAD in others[0].peers()[each.peer_id].protocols for each in (half, hidden)],
        lambda serves_dht: serves_dht == [True, False],
    )


def found(node: chat_pb2.Node) -> dict[str, chat_pb2.Reachability.ValueType]:
    """Return what was found of each transport."""
    return {each.transport: each.reachability for each in node.reach.addresses}


def test_node_at_private_addresses_asks_nobody(tmp_path: Path, services: list[Service]) -> None:
    with open_lan(3) as machines:
        nodes = []
        for number, machine in enumerate(machines):
            name = f"n{number}"
            node = NodeProcess(
                name,
                tmp_path,
                prefix=machine.prefix,
                listen=f"/ip4/{machine.address}/tcp/4001",
                grpc_listen=f"unix:{tmp_path}/{name}.sock",
            )
            services.append(node)
            node.start()
            nodes.append(node)
        for other in nodes[1:]:
            nodes[0].connect(other)
            nodes[0].wait_peer(other, "chat-room")
        seen = get_node(nodes[0])
        assert (seen.reachability, list(seen.reach.evidence)) == (UNKNOWN, [])


def answers(node: chat_pb2.Node) -> list[chat_pb2.ReachabilityEvidence]:
    return [each for each in node.reach.evidence if each.kind == AUTONAT]


def wait_answers(node: NodeProcess, count: int) -> chat_pb2.Node:
    return wait_until(
        lambda: get_node(node), lambda seen: len(answers(seen)) >= count, timeout_s=WITHIN_S
    )
