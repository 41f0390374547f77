"""The default router of this machine, and the address that faces it.

Called by ``mapper``. Linux says it in a file; elsewhere only UPnP, which asks the
whole local network, finds a router.
"""

from __future__ import annotations

import socket
from contextlib import closing
from ipaddress import IPv4Address
from pathlib import Path

ROUTES = Path("/proc/net/route")
ANYWHERE = "192.0.2.1"
"""An address of documentation: nothing is sent there."""
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


def facing_ip() -> str | None:
    """Return this machine's IPv4 address towards the internet; None where it has no route."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect((ANYWHERE, 9))
        except OSError:
            return None
        return str(probe.getsockname()[0])
