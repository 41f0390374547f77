"""A node behind a real router that maps ports."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from wsp.chat.v1 import chat_pb2

from tests.driver.lan import run_program
from tests.driver.miniupnpd import TABLE, mapped_ports, pinholes, port_mapping
from tests.driver.process import Service
from tests.driver.waiting import wait_until
from tests.network.internet import (
    HOME_6,
    LISTEN,
    connect,
    get_node,
    ipv6_internet,
    open_internet,
)

pytestmark = pytest.mark.netns

WITHIN_S = 60.0
SHORT_S = 12
STOP_WITHIN_S = 5.0
BOTH = f"{LISTEN},/ip6/::/tcp/4001"
PUBLIC = chat_pb2.REACHABILITY_PUBLIC
AUTONAT = chat_pb2.EVIDENCE_KIND_AUTONAT
PORT_MAPPING = chat_pb2.EVIDENCE_KIND_PORT_MAPPING


@pytest.mark.parametrize(
    ("protocol", "is_upnp", "is_pcp"), [("pcp", False, True), ("upnp", True, False)]
)
def test_node_is_reached_through_its_router(
    tmp_path: Path, services: list[Service], protocol: str, is_upnp: bool, is_pcp: bool
) -> None:
    """At a port that is translated over IPv4, and through a firewall over IPv6."""
    with (
        ipv6_internet(3, tmp_path, services) as internet,
        port_mapping(internet.router, tmp_path, is_upnp=is_upnp, is_pcp=is_pcp),
    ):
        machines = enumerate(internet.machines[:2])
        others = [internet.start(f"n{n}", each, BOTH) for n, each in machines]
        home = internet.start("home", internet.home, BOTH, port_mapping="on")
        for other in others:
            home.connect(other)
        external, own_6 = f"/ip4/{internet.router.address}/tcp/4001", f"/ip6/{HOME_6}/tcp/4001"
        node = wait_until(
            lambda: get_node(home),
            lambda seen: (
                {each.address: each.reachability for each in seen.reach.addresses}
                == {external: PUBLIC, own_6: PUBLIC}
            ),
            timeout_s=WITHIN_S,
        )
        assert [
            (each.protocol, each.external_address, each.internal_address)
            for each in node.reach.port_mappings
        ] == [
            (protocol, external, f"/ip4/{internet.home.address}/tcp/4001"),
            (protocol, own_6, own_6),
        ]
        assert node.reachability == PUBLIC
        assert all(each.is_reachable for each in node.reach.evidence)
        assert {each.kind for each in node.reach.evidence} >= {PORT_MAPPING, AUTONAT}
        assert node.addresses[0] == f"{external}/p2p/{home.peer_id}"
        for name, address in (("stranger", external), ("stranger6", own_6)):
            stranger = internet.start(name, internet.machines[2], "none")
            connect(stranger, f"{address}/p2p/{home.peer_id}")
        began_s = time.monotonic()
        home.stop()
        assert time.monotonic() - began_s < STOP_WITHIN_S
        assert "dnat" not in mapped_ports(internet.router)
        assert "4001" not in pinholes(internet.router)


def test_mapping_is_renewed_and_made_again_after_a_restart_of_the_router(
    tmp_path: Path, services: list[Service]
) -> None:
    with open_internet(1, tmp_path, services) as internet:
        with port_mapping(internet.router, tmp_path, max_lifetime_s=SHORT_S):
            home = internet.start("home", internet.home, port_mapping="on")
            wait_until(lambda: mapped_ports(internet.router), lambda rules: "dnat" in rules)
            first = wait_until(lambda: list(get_node(home).reach.port_mappings))[0]
            wait_until(
                lambda: list(get_node(home).reach.port_mappings),
                lambda seen: seen[0].expire_time.seconds > first.expire_time.seconds,
                timeout_s=SHORT_S,
            )
        run_program(*internet.router.prefix, "nft", "flush", "chain", "inet", TABLE, "mapped")
        with port_mapping(internet.router, tmp_path, max_lifetime_s=SHORT_S):
            wait_until(
                lambda: mapped_ports(internet.router),
                lambda rules: "dnat" in rules,
                timeout_s=WITHIN_S,
            )


def test_router_without_port_mapping_keeps_nobody_waiting(
    tmp_path: Path, services: list[Service]
) -> None:
    with open_internet(1, tmp_path, services) as internet:
        home = internet.start("home", internet.home, port_mapping="on")
        assert not get_node(home).reach.port_mappings
        began_s = time.monotonic()
        home.stop()
        assert time.monotonic() - began_s < STOP_WITHIN_S
