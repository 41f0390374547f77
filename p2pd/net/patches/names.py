"""Names in multiaddrs, turned into addresses before anything is dialled.

Called by ``patches.swarm``. The stock transports ask a name server only, so a
name of the hosts file is unknown, and cannot dial ``/dnsaddr`` at all (43).
"""

from __future__ import annotations

import socket
from collections.abc import Iterable

import structlog
import trio
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from multiaddr import Multiaddr
from multiaddr.resolvers import DNSResolver

from p2pd.net.multiaddrs import names_in, sound_addresses
from p2pd.net.transports import transport_of

log = structlog.get_logger(__name__)

FAMILIES = {"dns": socket.AF_UNSPEC, "dns4": socket.AF_INET, "dns6": socket.AF_INET6}
IP_NAMES = {socket.AF_INET: "ip4", socket.AF_INET6: "ip6"}
RESOLVE_TIMEOUT_S = 5.0


async def resolve_all(addresses: Iterable[Multiaddr], peer_id: ID) -> list[Multiaddr]:
    """Replace names by addresses, in order and each once, without ``/p2p``.

    Raises:
        SwarmException: There are names, and nothing but names nobody knows.
    """
    resolved: dict[Multiaddr, None] = {}
    unknown: list[str] = []
    for address in addresses:
        try:
            found = await _resolve(address, peer_id)
        # Resolvers and the codecs of names fail in forms without end, and a peer
        # chooses the name.
        except Exception as error:
            log.debug("name cannot be resolved", address=str(address), error=repr(error))
            unknown.append(str(address))
            continue
        resolved.update((without_peer_id(each), None) for each in sound_addresses(found))
    if unknown and not resolved:
        raise SwarmException(f"cannot resolve the name in {', '.join(unknown)}")
    return list(resolved)


def without_peer_id(address: Multiaddr) -> Multiaddr:
    """Strip the ``/p2p/ID`` at an address's end."""
    parts = address.split()
    if parts and names_in(parts[-1]) == ("p2p",):
        return Multiaddr.join(*parts[:-1])
    return address


async def _resolve(address: Multiaddr, peer_id: ID) -> list[Multiaddr]:
    names = names_in(address)
    with trio.fail_after(RESOLVE_TIMEOUT_S):
        # Over TLS the name itself must be dialled: the certificate is for it.
        transport = transport_of(address)
        keeps_name = transport is not None and transport.keeps_name
        if names[0] in FAMILIES and not keeps_name:
            return await _resolve_host(address, FAMILIES[names[0]])
        if names[0] == "dnsaddr":
            return await _resolve_dnsaddr(address, peer_id)
    return [address]


async def _resolve_host(address: Multiaddr, family: socket.AddressFamily) -> list[Multiaddr]:
    name, *rest = address.split()
    host = str(name.value_for_protocol(names_in(name)[0]))
    found = await trio.socket.getaddrinfo(host, None, family=family, type=socket.SOCK_STREAM)
    return [
        Multiaddr.join(f"/{IP_NAMES[found_family]}/{endpoint[0]}", *rest)
        for found_family, _, _, _, endpoint in found
        if found_family in IP_NAMES
    ]


async def _resolve_dnsaddr(address: Multiaddr, peer_id: ID) -> list[Multiaddr]:
    """Ask for the TXT records and keep those of this very peer.

    Source: libp2p specs, addressing/README.md, "dnsaddr".
    """
    found = await DNSResolver().resolve(address)
    return [each for each in found if str(each).endswith(f"/p2p/{peer_id}")]
