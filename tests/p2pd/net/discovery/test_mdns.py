"""Nodes on one local network find one another, and those of other implementations."""

from __future__ import annotations

import pytest

from tests.driver.lan import open_lan, wait_all

pytestmark = pytest.mark.netns
PEER = "tests.p2pd.net.discovery.mdns_peer"
FOREIGN = "tests.p2pd.net.discovery.mdns_foreign"


@pytest.mark.parametrize(
    "addresses", ["10.77.0.{}/24", "fd77::{}/64", ""], ids=["ipv4", "ipv6", "ipv6-link-local"]
)
def test_nodes_on_one_network_connect(addresses: str) -> None:
    with (
        open_lan(2, addresses) as (here, there),
        here.run(PEER, "ours") as first,
        there.run(PEER, "ours") as second,
    ):
        first_id, second_id = wait_all([first, second], "id ")
        first.wait_line(f"connected {second_id}")
        second.wait_line(f"connected {first_id}")


def test_a_node_that_comes_later_is_connected_and_its_end_noticed() -> None:
    with open_lan(2) as (here, there), here.run(PEER, "ours") as first:
        first.wait_line("id ")
        with there.run(PEER, "ours") as second:
            second_id = second.wait_line("id ")
            first.wait_line(f"connected {second_id}")
        first.wait_line(f"lost {second_id}")
        second.wait_line("stopped")


def test_a_node_that_announces_what_it_cannot_dial_takes_part() -> None:
    """Others may have QUIC, or reach the node by a name or by a router's address."""
    with open_lan(2) as (here, there), there.run(PEER, "ours") as second:
        announced = [
            f"/ip4/{here.address}/udp/4001/quic-v1",
            "/ip4/192.0.2.7/udp/4001/quic-v1",
            "/dns4/node.example/tcp/4001",
            "/ip4/192.0.2.7/tcp/4001/ws",
        ]
        with here.run(PEER, "ours", *announced) as first:
            second_id = second.wait_line("id ")
            first.wait_line(f"connected {second_id}")


@pytest.mark.parametrize("section", ["answers", "additional"])
def test_a_peer_that_announces_as_js_and_rust_do_is_dialled(section: str) -> None:
    with (
        open_lan(2) as (here, there),
        there.run(FOREIGN, there.address, section) as foreign,
        here.run(PEER, "ours") as ours,
    ):
        foreign_id, own_id = wait_all([foreign, ours], "id ")
        ours.wait_line(f"connected {foreign_id}")
        foreign.wait_line(f"connected {own_id}")


def test_a_node_whose_network_comes_up_later_takes_part() -> None:
    with open_lan(2) as (here, there), there.run(PEER, "ours") as second:
        second_id = second.wait_line("id ")
        here.unplug()
        with here.run(PEER, "ours") as first:
            first.wait_line("id ")
            here.plug_in()
            first.wait_line(f"connected {second_id}", timeout_s=120)


def test_a_node_whose_address_is_still_tentative_takes_part_once_it_is_not() -> None:
    with open_lan(2, "") as (here, there), there.run(PEER, "ours") as second:
        here.unplug()
        here.check_addresses_slowly(seconds=8)
        with here.run(PEER, "ours") as first:
            _, second_id = wait_all([first, second], "id ")
            here.plug_in()
            first.wait_line(f"connected {second_id}")
