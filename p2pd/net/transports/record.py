"""The shape of a transport's record. Pure but for ``bind``.

Whoever asks something of a transport asks its record: listening binds it, dialling
ranks it, announcements order it, and connections are named after it.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass

from multiaddr import Multiaddr

from p2pd.net.multiaddrs import names_in

IP_NAMES = ("ip4", "ip6")
HOST_NAMES = (*IP_NAMES, "dns", "dns4", "dns6")
END_NAMES = frozenset({"p2p", "p2p-circuit"})
"""What follows a transport in an address: the peer there, and peers behind that one."""
SOCKET_KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


@dataclass(frozen=True, slots=True)
class Transport:
    """One transport, as the rest of the node sees it.

    Attributes:
        name: Reported of each connection, and the word after the port in addresses.
        carrier: ``tcp`` or ``udp``; two transports of one carrier need two ports.
        endings: What may stand between the port and ``/p2p``; the first is written.
        rank: Where several transports lead to a peer, the lowest is dialled first.
        is_for_browsers: Announced to peers, but not on the local network.
        keeps_name: A name is dialled as it is, since the certificate is for the name.
    """

    name: str
    carrier: str
    endings: tuple[tuple[str, ...], ...]
    rank: int
    is_for_browsers: bool = False
    keeps_name: bool = False

    def matches(self, address: Multiaddr) -> bool:
        """Return whether an address, or the relay that it leads to, is of this transport."""
        host, carrier, *rest = (*names_in(address), "", "")
        ending = tuple(name for name in rest if name and name not in END_NAMES)
        return host in HOST_NAMES and carrier == self.carrier and ending in self.endings

    def endpoint(self, address: Multiaddr) -> tuple[str, int]:
        """Return host and port of an address that matches."""
        host = address.value_for_protocol(names_in(address)[0])
        return str(host), int(str(address.value_for_protocol(self.carrier)))

    def address(self, host: str, port: int) -> Multiaddr:
        """Write an IP address and a port as an address of this transport."""
        ip = "ip6" if ":" in host else "ip4"
        return Multiaddr("/" + "/".join((ip, host, self.carrier, str(port), *self.endings[0])))

    def bind(self, address: Multiaddr, *, is_shared: bool) -> socket.socket:
        """Bind a socket for one IP version only, so that the other's may have the same port.

        Args:
            is_shared: Whether dials may leave from the port as well (SO_REUSEPORT).

        Raises:
            OSError: The address cannot be bound.
        """
        host, port = self.endpoint(address)
        return self.bind_endpoint(host, port, is_shared=is_shared)

    def bind_endpoint(self, host: str, port: int, *, is_shared: bool) -> socket.socket:
        """Bind a socket to an IP address and a port; see ``bind``."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family, SOCKET_KINDS[self.carrier])
        try:
            if self.carrier == "tcp":
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if is_shared:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if family is socket.AF_INET6:
                bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            bound.bind((host, port))
        except OSError:
            bound.close()
            raise
        return bound
