"""Which addresses are sent to a peer that punches a hole, and which of its own are dialled.

Pure. Used by ``service``.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address

from multiaddr import Multiaddr

from p2pd.net.multiaddrs import names_in, sound_addresses
from p2pd.net.patches.names import without_peer_id
from p2pd.net.relay.addresses import is_relayed

MAX_SENT = 8
MAX_DIALLED = 8
IP_NAMES = ("ip4", "ip6")


def sent_addresses(observed: Iterable[Multiaddr], own: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Choose which addresses of this node to send, at most eight.

    Args:
        observed: Where peers see it, the likeliest first.
        own: Where it says that it can be dialled.
    """
    return _preferably_public((*observed, *own))[:MAX_SENT]


def dialled_addresses(received: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Choose what to dial of what a peer has sent, at most eight."""
    return _preferably_public(received)[:MAX_DIALLED]


def _preferably_public(addresses: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Keep the public addresses; private ones only where there are no others.

    Nothing on a loopback interface and no name: neither is where a router sees a node.
    """
    direct = [
        (ip, without_peer_id(address))
        for address in sound_addresses(addresses)
        if not is_relayed(address) and (ip := _ip_of(address)) is not None
    ]
    far = [(ip, each) for ip, each in direct if not (ip.is_loopback or ip.is_multicast)]
    public = [each for ip, each in far if ip.is_global]
    return list(dict.fromkeys(public or (each for _, each in far)))


def _ip_of(address: Multiaddr) -> IPv4Address | IPv6Address | None:
    name = names_in(address)[0]
    if name not in IP_NAMES:
        return None
    ip = ip_address(str(address.value_for_protocol(name)))
    return None if ip.is_unspecified else ip
