"""Which of the addresses that others report are dialled."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multiaddr import Multiaddr

from p2pd.net.interfaces import Interface
from p2pd.net.private_addresses import PrivateAddressPolicy, PrivateDials

AT_HOME = (Interface(4, "127.0.0.1", "lo", 8), Interface(4, "192.168.1.7", "wlan0", 24))
IN_A_DATA_CENTRE = (
    Interface(4, "127.0.0.1", "lo", 8),
    Interface(4, "10.0.0.5", "eth1", 32),
    Interface(4, "8.8.4.4", "eth0", 32),
)
IN_A_POD = (Interface(4, "127.0.0.1", "lo", 8), Interface(4, "10.244.1.5", "eth0", 24))
ULA = (Interface(6, "fd77::1", "eth0", 64), Interface(6, "fe80::1", "eth0", 64))

PUBLIC = "/ip4/1.1.1.1/tcp/4001"


def permitted(
    own: tuple[Interface, ...], *addresses: str, dials: PrivateDials = PrivateDials.AUTO
) -> list[str]:
    policy = PrivateAddressPolicy(dials, lambda: own)
    return list(map(str, policy.permitted(list(map(Multiaddr, addresses)))))


@pytest.mark.parametrize(
    ("own", "address", "beside"),
    [
        (AT_HOME, "/ip4/192.168.1.9/tcp/1", PUBLIC),
        (AT_HOME, "/ip4/192.168.1.9/tcp/1", ""),
        (AT_HOME, "/ip4/127.0.0.1/tcp/1", "/ip4/192.168.1.9/tcp/1"),
        (AT_HOME, PUBLIC, ""),
        (AT_HOME, "/dns4/chat.example/tcp/1", PUBLIC),
        (IN_A_POD, "/ip4/10.244.2.9/tcp/1", ""),
        (ULA, "/ip6/fe80::9/tcp/1", PUBLIC),
        (ULA, "/ip6/fd77::9/tcp/1/ws", PUBLIC),
    ],
)
def test_own_network_is_dialled(own: tuple[Interface, ...], address: str, beside: str) -> None:
    assert address in permitted(own, *filter(None, (address, beside)))


@pytest.mark.parametrize(
    ("own", "address", "beside"),
    [
        (AT_HOME, "/ip4/192.168.0.9/tcp/1", PUBLIC),
        (AT_HOME, "/ip4/10.0.0.9/tcp/1", ""),
        (AT_HOME, "/ip4/127.0.0.1/tcp/1", PUBLIC),
        (AT_HOME, "/ip6/::ffff:10.0.0.9/tcp/1", PUBLIC),
        (AT_HOME, "/ip6/fe80::9/tcp/1", PUBLIC),
        (AT_HOME, "/ip4/100.64.0.9/udp/1/quic-v1", PUBLIC),
        (IN_A_DATA_CENTRE, "/ip4/10.0.0.6/tcp/1", ""),
        (IN_A_POD, "/ip4/10.244.2.9/tcp/1", PUBLIC),
    ],
)
def test_network_of_others_is_not_dialled(
    own: tuple[Interface, ...], address: str, beside: str
) -> None:
    assert address not in permitted(own, *filter(None, (address, beside)))


@given(st.ip_addresses(), st.booleans())
def test_settings_decide_for_all(ip: IPv4Address | IPv6Address, is_beside_public: bool) -> None:
    address = f"/ip{ip.version}/{ip}/tcp/1"
    addresses = [address, PUBLIC] if is_beside_public else [address]
    text = str(Multiaddr(address))
    assert text in permitted(AT_HOME, *addresses, dials=PrivateDials.ON)
    is_dialled = text in permitted(AT_HOME, *addresses, dials=PrivateDials.OFF)
    mapped = ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip
    assert is_dialled == mapped.is_global


def test_what_was_named_is_dialled_whatever_it_is() -> None:
    policy = PrivateAddressPolicy(PrivateDials.OFF, lambda: AT_HOME)
    named, other = Multiaddr("/ip4/10.0.0.9/tcp/1"), Multiaddr("/ip4/10.0.0.9/tcp/2")
    assert policy.permitted([other, named], [named]) == [named]


def test_relay_at_a_private_place_is_a_private_place() -> None:
    relay = "12D3KooWKxRxKpadkZtgDEdgjcUmvq9VwMDuPrnYRUv6SfPhCkLd"
    behind = [f"/ip4/{host}/tcp/1/p2p/{relay}/p2p-circuit" for host in ("10.0.0.9", "1.1.1.1")]
    assert permitted(AT_HOME, *behind) == behind[1:]
