"""The internet address and port at the beginning of a multiaddr. Pure.

Used by every module of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from multiaddr import Multiaddr

from p2pd.net.multiaddrs import names_in
from p2pd.net.relay.addresses import is_relayed

IP_NAMES = ("ip4", "ip6")
PORT_NAMES = ("tcp", "udp")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a direct address leads.

    Attributes:
        transport: ``tcp`` or ``udp``.
        suffix: What follows the port, such as ``/ws``; without ``/p2p/ID``.
    """

    ip: str
    transport: str
    port: int
    suffix: str = ""

    @property
    def version(self) -> int:
        """4 or 6."""
        return 6 if ":" in self.ip else 4

    @property
    def is_global(self) -> bool:
        """Whether the internet routes it."""
        return is_global(self.ip)

    def address(self) -> Multiaddr:
        """Write it as a multiaddr."""
        return Multiaddr(f"/ip{self.version}/{self.ip}/{self.transport}/{self.port}{self.suffix}")


def endpoint_from_address(address: Multiaddr) -> Endpoint | None:
    """Read a direct address of IP and port; None for any other."""
    try:
        names = names_in(address)
        if len(names) < 2 or is_relayed(address):
            return None
        if names[0] not in IP_NAMES or names[1] not in PORT_NAMES:
            return None
        ip = str(ip_address(str(address.value_for_protocol(names[0]))))
        port = int(str(address.value_for_protocol(names[1])))
        suffix = "/".join(str(address).split("/p2p/")[0].split("/")[5:])
    # The parser lets whatever its codecs raise out.
    except Exception:
        return None
    return Endpoint(ip, names[1], port, f"/{suffix}" if suffix else "")


def is_global(ip: str) -> bool:
    """Return whether the internet routes an IP address."""
    parsed = ip_address(ip)
    return parsed.is_global and not parsed.is_multicast
