"""One record a transport: which addresses are its, and in which order they are used."""

from __future__ import annotations

import pytest
from multiaddr import Multiaddr

from p2pd.net.transports import transport_of
from p2pd.net.transports.order import announcing_order, dialling_order

PEER = "/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X"


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("/ip4/192.0.2.7/tcp/4001", "tcp"),
        (f"/dns4/node.example/tcp/4001{PEER}", "tcp"),
        (f"/ip4/192.0.2.7/tcp/4001{PEER}/p2p-circuit", "tcp"),
        ("/ip6/2001:db8::7/tcp/4002/ws", "ws"),
        ("/dns/node.example/tcp/443/wss", "wss"),
        ("/dns/node.example/tcp/443/tls/ws", "wss"),
        ("/ip4/192.0.2.7/tcp/4001/tls", None),
        ("/ip4/192.0.2.7/udp/4001", None),
        ("/ip4/192.0.2.7", None),
        (PEER, None),
        ("/unix/tmp", None),
    ],
)
def test_address_is_of_one_transport(address: str, name: str | None) -> None:
    transport = transport_of(Multiaddr(address))
    assert (transport.name if transport else None) == name


@pytest.mark.parametrize(
    "address",
    ["/ip4/192.0.2.7/tcp/1", "/ip6/2001:db8::7/tcp/2/ws", "/ip4/192.0.2.7/tcp/3/wss"],
)
def test_endpoint_is_written_as_it_was_read(address: str) -> None:
    transport = transport_of(Multiaddr(address))
    assert transport is not None
    assert str(transport.address(*transport.endpoint(Multiaddr(address)))) == address


def in_order(addresses: list[str]) -> list[str]:
    return [str(each) for each in dialling_order(map(Multiaddr, addresses))]


def test_tcp_and_quic_take_turns_before_what_is_for_browsers() -> None:
    ordered = [
        "/ip4/192.0.2.7/tcp/1",
        "/ip4/192.0.2.7/udp/1/quic-v1",
        "/ip4/192.0.2.8/tcp/1",
        "/ip4/127.0.0.1/tcp/1",
        "/ip4/192.0.2.7/tcp/2/ws",
        "/ip4/192.0.2.7/tcp/3/wss",
        "/ip4/192.0.2.7/udp/1/quic",
    ]
    assert in_order([ordered[each] for each in (6, 5, 4, 0, 1, 2, 3, 1)]) == ordered


def test_loopback_is_announced_only_where_there_is_nothing_else() -> None:
    loopback = [Multiaddr("/ip4/127.0.0.1/tcp/1"), Multiaddr("/ip6/::1/tcp/1")]
    others = [Multiaddr("/ip4/192.0.2.7/tcp/1"), Multiaddr("/ip6/2001:db8::7/tcp/2/ws")]
    assert announcing_order(loopback) == loopback
    assert announcing_order([others[1], *loopback, others[0]]) == others
