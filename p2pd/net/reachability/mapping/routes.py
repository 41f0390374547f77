"""The default routers of this machine, and the addresses that face them.

Called by ``mapper``. Linux says it in a file; elsewhere only UPnP, which asks the
whole local network, finds a router.
"""

from __future__ import annotations

import socket
from contextlib import closing
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path

ROUTES = Path("/proc/net/route")
ROUTES_6 = Path("/proc/net/ipv6_route")
ANYWHERE = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Addresses of documentation: nothing is sent there."""
FAMILIES = {4: socket.AF_INET, 6: socket.AF_INET6}
GATEWAY_FLAG = 2


def default_router() -> str | None:
    """Return the IPv4 address of the default router; None where there is none, or no such file."""
    try:
        lines = ROUTES.read_text().splitlines()[1:]
    except OSError:
        return None
    for line in lines:
        _, destination, router, flags, *_ = line.split()
        if destination == "00000000" and int(flags, 16) & GATEWAY_FLAG:
            return str(IPv4Address(bytes.fromhex(router)[::-1]))
    return None


def default_router_6() -> str | None:
    """Return the IPv6 address of the default router with its interface; None as above."""
    try:
        lines = ROUTES_6.read_text().splitlines()
    except OSError:
        return None
    for line in lines:
        destination, prefix_bits, _, _, router, _, _, _, flags, interface = line.split()
        if not int(destination, 16) and prefix_bits == "00" and int(flags, 16) & GATEWAY_FLAG:
            address = IPv6Address(bytes.fromhex(router))
            return f"{address}%{interface}" if address.is_link_local else str(address)
    return None


def facing_ip(version: int = 4) -> str | None:
    """Return this machine's address towards the internet; None where it has no route."""
    try:
        with closing(socket.socket(FAMILIES[version], socket.SOCK_DGRAM)) as probe:
            probe.connect((ANYWHERE[version], 9))
            return str(probe.getsockname()[0])
    except OSError:
        return None
