"""TXT records: every address as a string of its own, and rubbish left out."""

from __future__ import annotations

import pytest
from multiaddr import Multiaddr

from p2pd.net.discovery.mdns_records import (
    MAX_TEXT_BYTES,
    hosts_from_addresses,
    is_announced,
    peers_from_text,
    port_from_addresses,
    text_from_addresses,
)

ID = "12D3KooWKnDdG3iXw9eTFijk3EWSunZcFi54Zka4wmtqtt6rPxc8"
OTHER_ID = "12D3KooWQbDmziMXLByVJsMrP1yX5SmB1NLnwgYSbELSZPbb1Wzj"


def addresses(*texts: str) -> list[Multiaddr]:
    return [Multiaddr(text) for text in texts]


def record(*strings: bytes) -> bytes:
    return b"".join(bytes((len(string),)) + string for string in strings)


def test_each_address_is_a_string_with_the_same_key() -> None:
    first, second = f"/ip4/10.0.0.7/tcp/4001/p2p/{ID}", f"/ip6/fd00::7/tcp/4001/p2p/{ID}"
    wanted = record(b"dnsaddr=" + first.encode(), b"dnsaddr=" + second.encode())
    assert text_from_addresses(addresses(first, second)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        "/ip4/0.0.0.0/tcp/4001",
        "/ip6/::/tcp/4001",
        "/ip4/127.0.0.1/tcp/4001",
        "/ip6/::1/tcp/4001",
        "/ip4/10.0.0.7/tcp/4002/ws",
        "/dns4/example.org/tcp/4001",
        f"/ip4/10.0.0.7/tcp/4001/p2p/{OTHER_ID}/p2p-circuit",
    ],
)
def test_what_others_on_the_network_cannot_dial_is_not_announced(text: str) -> None:
    assert not is_announced(Multiaddr(f"{text}/p2p/{ID}"))


@pytest.mark.parametrize(
    "text",
    [
        "/ip4/10.0.0.7/udp/4001/quic-v1",
        "/ip4/10.0.0.7/udp/4001/quic-v1/webtransport",
        "/ip4/10.0.0.7/udp/4001/webrtc-direct",
        "/ip6/fe80::7/tcp/4001",
    ],
)
def test_what_only_others_can_dial_is_announced(text: str) -> None:
    [told] = addresses(f"{text}/p2p/{ID}")
    assert is_announced(told)
    assert port_from_addresses([told]) == 4001


def test_an_announcement_without_a_port_names_none() -> None:
    assert port_from_addresses(addresses(f"/dns4/node.example/tcp/4001/p2p/{ID}")) is None


def test_a_record_stays_within_its_bound() -> None:
    many = addresses(*(f"/ip4/10.0.0.{n}/tcp/4001/p2p/{ID}" for n in range(200)))
    text = text_from_addresses(many)
    assert len(text) <= MAX_TEXT_BYTES
    assert peers_from_text(text)[0].addrs[0] == Multiaddr("/ip4/10.0.0.0/tcp/4001")


def test_hosts_are_those_of_the_announced_addresses_once_each() -> None:
    own = addresses(
        f"/ip4/10.0.0.7/tcp/4001/p2p/{ID}",
        f"/ip4/10.0.0.7/tcp/4003/p2p/{ID}",
        f"/ip4/127.0.0.1/tcp/4001/p2p/{ID}",
    )
    assert hosts_from_addresses(own) == ["10.0.0.7"]


def test_peers_are_read_with_all_their_addresses() -> None:
    text = record(
        f"dnsaddr=/ip4/10.0.0.7/tcp/4001/p2p/{ID}".encode(),
        f"dnsaddr=/ip4/10.0.0.8/tcp/4001/p2p/{OTHER_ID}".encode(),
        f"dnsaddr=/ip6/fd00::7/tcp/4001/p2p/{ID}".encode(),
    )
    peers = {str(peer.peer_id): [str(a) for a in peer.addrs] for peer in peers_from_text(text)}
    assert peers == {
        ID: ["/ip4/10.0.0.7/tcp/4001", "/ip6/fd00::7/tcp/4001"],
        OTHER_ID: ["/ip4/10.0.0.8/tcp/4001"],
    }


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"\x00",
        b"\xff",
        b"\xffdnsaddr=/ip4",
        record(b"dnsaddr="),
        record(b"dnsaddr=/"),
        record(b"dnsaddr=\xff\xfe"),
        record(b"dnsaddr=/ip4/10.0.0.7/tcp/4001"),
        record(b"dnsaddr=/ip4/10.0.0.7/tcp/4001/p2p/nonsense"),
        record(b"dnsaddr2=" + f"/ip4/10.0.0.7/tcp/4001/p2p/{ID}".encode()),
        record(f"dnsaddr=/ip4/0.0.0.0/tcp/4001/p2p/{ID}".encode()),
        record(f"dnsaddr=/p2p/{ID}".encode()),
        record(b"id=" + ID.encode()),
    ],
)
def test_rubbish_names_no_peer(text: bytes) -> None:
    assert peers_from_text(text) == []
