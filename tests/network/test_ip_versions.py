"""Nodes with the default addresses, on networks of either IP version or of both."""

from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.config import SETTINGS
from tests.driver import NodeProcess
from tests.driver.lan import Machine, open_lan
from tests.driver.process import Service

pytestmark = pytest.mark.netns
DEFAULT_LISTEN = next(setting.default for setting in SETTINGS if setting.name == "listen")


def node_on(machine: Machine, directory: Path, name: str, **settings: object) -> NodeProcess:
    return NodeProcess(
        name,
        directory,
        prefix=machine.prefix,
        listen=DEFAULT_LISTEN,
        grpc_listen=f"unix:{directory}/{name}.sock",
        **settings,
    )


def started(services: list[Service], *nodes: NodeProcess) -> None:
    services += nodes
    for node in nodes:
        node.start()


@pytest.mark.parametrize("addresses", ["fd77::{}/64", ""], ids=["ipv6", "link-local"])
def test_nodes_on_an_ipv6_only_network_find_one_another(
    addresses: str, tmp_path: Path, services: list[Service]
) -> None:
    with open_lan(2, addresses) as (here, there):
        a = node_on(here, tmp_path, "a", mdns="on")
        b = node_on(there, tmp_path, "b", mdns="on")
        started(services, a, b)
        a.wait_peer(b, "chat-room", timeout_s=60)
        assert a.publish("over IPv6", "chat-room").recipients == 1
        for node in (a, b):
            node.stop()


@pytest.mark.parametrize(("transport", "place"), [("quic-v1", 1), ("ws", 2)])
def test_a_node_is_dialled_by_each_of_its_addresses(
    transport: str, place: int, tmp_path: Path, services: list[Service]
) -> None:
    with open_lan(2, "fd77::{}/64") as (here, there):
        a, b = node_on(here, tmp_path, "a"), node_on(there, tmp_path, "b")
        started(services, a, b)
        far = [address for address in a.addresses if address.startswith(f"/ip6/{here.address}/")]
        assert len(far) == 3, a.addresses
        a.ready["addresses"] = far[place]
        assert f"/{transport}/" in a.address
        b.connect(a)
        assert b.peers()[a.peer_id].connection.transport == transport
        for node in (a, b):
            node.stop()
