"""Addresses that lead through a relay: taken apart, written, ordered."""

from __future__ import annotations

import pytest
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.net.discovery.usable import is_usable
from p2pd.net.relay.addresses import (
    circuit_addresses,
    path_from_address,
    relay_id_of,
    spread_over_relays,
)

RELAY, OTHER, PEER = (
    ID.from_pubkey(create_new_key_pair(bytes([number] * 32)).public_key) for number in range(3)
)
PUBLIC = Multiaddr("/ip4/192.0.2.7/tcp/4001")


@pytest.mark.parametrize("end", ["", f"/p2p/{PEER}"])
def test_relayed_address_names_its_relay_and_where_that_is(end: str) -> None:
    path = path_from_address(Multiaddr(f"{PUBLIC}/p2p/{RELAY}/p2p-circuit{end}"))
    assert (path.relay_id, path.relay_address) == (RELAY, PUBLIC)


def test_relay_may_be_named_without_its_address() -> None:
    path = path_from_address(Multiaddr(f"/p2p/{RELAY}/p2p-circuit/p2p/{PEER}"))
    assert (path.relay_id, path.relay_address) == (RELAY, None)


@pytest.mark.parametrize(
    "text",
    [
        str(PUBLIC),
        "/p2p-circuit",
        f"{PUBLIC}/p2p-circuit/p2p/{PEER}",
        f"{PUBLIC}/p2p/{RELAY}/p2p-circuit/p2p/{OTHER}/p2p-circuit",
    ],
)
def test_address_through_no_relay_or_two_is_refused(text: str) -> None:
    address = Multiaddr(text)
    with pytest.raises(ValueError, match="relay"):
        path_from_address(address)
    assert relay_id_of(address) is None
    assert is_usable(address) == (text == str(PUBLIC))


def test_relayed_address_is_usable_where_its_relay_is() -> None:
    assert is_usable(Multiaddr(f"{PUBLIC}/p2p/{RELAY}/p2p-circuit"))
    assert not is_usable(Multiaddr(f"/ip4/0.0.0.0/tcp/1/p2p/{RELAY}/p2p-circuit"))


def test_addresses_behind_a_relay_are_few_and_without_loopback() -> None:
    told: list[bytes | Multiaddr] = [
        Multiaddr(f"/ip4/127.0.0.1/tcp/4001/p2p/{RELAY}"),
        Multiaddr(f"{PUBLIC}/p2p/{RELAY}"),
        PUBLIC,
        Multiaddr(f"/ip4/192.0.2.9/tcp/1/p2p/{OTHER}/p2p-circuit"),
        Multiaddr(f"/p2p/{RELAY}"),
        *(Multiaddr(f"/ip4/192.0.2.8/tcp/{port}") for port in range(1, 9)),
        b"\xff\xff",
    ]
    written = circuit_addresses(told, RELAY)
    assert written[0] == Multiaddr(f"{PUBLIC}/p2p/{RELAY}/p2p-circuit")
    assert len(written) == len(set(written)) == 4
    assert not any("127.0.0.1" in str(each) or str(OTHER) in str(each) for each in written)


def test_loopback_is_announced_where_there_is_nothing_else() -> None:
    (written,) = circuit_addresses([Multiaddr("/ip4/127.0.0.1/tcp/4001")], RELAY)
    assert str(written) == f"/ip4/127.0.0.1/tcp/4001/p2p/{RELAY}/p2p-circuit"


def test_first_addresses_are_of_different_relays() -> None:
    of_relay = [Multiaddr(f"/ip4/192.0.2.7/tcp/{n}/p2p/{RELAY}/p2p-circuit") for n in (1, 2, 3)]
    of_other = [Multiaddr(f"/ip4/192.0.2.9/tcp/1/p2p/{OTHER}/p2p-circuit")]
    ordered = spread_over_relays([*of_relay, *of_relay, *of_other])
    assert ordered == [of_relay[0], of_other[0], *of_relay[1:]]
