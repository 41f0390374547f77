"""What IP addresses are counted by: one subscriber of a provider, whatever it may fill. Pure.

Used wherever something is bounded for each host: connections, QUIC handshakes,
reservations at this relay, those who say where this node is seen.
"""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network, ip_address

IPV6_PREFIX_BITS = 56
"""What a household is given at least, and what anybody can fill with addresses."""


def subscriber_of(host: str) -> str:
    """Name the subscriber at an IP address: that of IPv4, the /56 of IPv6.

    All machines of a link share the prefix of link-local addresses: they are counted
    one by one. What is no IP address, such as the name of a relay, is its own.
    """
    try:
        ip = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return host if ip.is_link_local else str(IPv6Network((ip, IPV6_PREFIX_BITS), strict=False))
