"""Whether private addresses that others report are worth a dial. Pure but for the interfaces.

A peer of the public internet reports the private addresses of its own network too.
Here they lead nowhere, or to somebody else's machine, and hosting companies take such
dials for a scan. Used by ``patches.swarm`` for every address that no caller named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from multiaddr import Multiaddr

from p2pd.net.interfaces import Interface, interfaces
from p2pd.net.multiaddrs import names_in

Address = IPv4Address | IPv6Address
RANGES: tuple[IPv4Network | IPv6Network, ...] = tuple(
    map(
        ip_network,
        (
            "127.0.0.0/8",
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "100.64.0.0/10",
            "169.254.0.0/16",
            "::1/128",
            "fc00::/7",
            "fe80::/10",
        ),
    )
)
"""Source: RFC 1918, 3927, 4193, 4291 and 6598."""


class PrivateDials(Enum):
    """Which private addresses that others report are dialled."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class PrivateAddressPolicy:
    """Choose among the addresses that are known of one peer.

    ``AUTO`` permits a private address in the network of an own interface, unless it is a
    loopback address of a peer that has a public one. Where neither the peer nor this
    machine has a public address, both are in a private network, and any address of a
    range that this machine is in is permitted: it may have several subnets.
    """

    def __init__(
        self, dials: PrivateDials, read: Callable[[], tuple[Interface, ...]] = interfaces
    ) -> None:
        self._dials = dials
        self._read = read

    def permitted(
        self, addresses: Sequence[Multiaddr], named: Collection[Multiaddr] = ()
    ) -> list[Multiaddr]:
        """Keep the addresses that may be dialled, in order; those in ``named`` always may."""
        if self._dials is PrivateDials.ON:
            return list(addresses)
        ips = {address: _ip_in(address) for address in addresses}
        peer_is_public = any(ip is not None and ip.is_global for ip in ips.values())
        return [
            address
            for address, ip in ips.items()
            if address in named or ip is None or self._permits(ip, peer_is_public)
        ]

    def _permits(self, ip: Address, peer_is_public: bool) -> bool:
        if ip.is_global:
            return True
        if self._dials is PrivateDials.OFF or (ip.is_loopback and peer_is_public):
            return False
        own = [each.address for each in self._read()]
        if any(ip in each.network for each in own):
            return True
        if peer_is_public or any(each.ip.is_global for each in own):
            return False
        return any(ip in each and any(mine.ip in each for mine in own) for each in RANGES)


def _ip_in(address: Multiaddr) -> Address | None:
    name = names_in(address)[0]
    if name not in ("ip4", "ip6"):
        return None
    ip = ip_address(str(address.value_for_protocol(name)).partition("%")[0])
    return ip.ipv4_mapped or ip if isinstance(ip, IPv6Address) else ip
