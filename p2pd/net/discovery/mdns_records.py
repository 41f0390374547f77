"""What libp2p peers say of themselves in multicast DNS. Pure.

A TXT record holds strings of ``dnsaddr=`` and an address ending in ``/p2p/ID``.
All of them have the same key, which is why the record is made and read as
strings here and not as the mapping that DNS-SD libraries offer: a mapping keeps
one address of many.

Source: libp2p specs, discovery/mdns.md; RFC 6763, section 6.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.net.advertised import MAX_ADDRESSES
from p2pd.net.discovery.usable import NOWHERE, is_usable, usable_addresses
from p2pd.net.multiaddrs import multiaddr_from_text, names_in
from p2pd.net.transports import transport_of

SERVICE = "_p2p._udp.local."
DNSADDR = b"dnsaddr="
MAX_STRING_BYTES = 255
MAX_TEXT_BYTES = 1000
"""Fits, with the other records, into one packet that no network splits."""
PORTED = frozenset({"tcp", "udp"})
LOOPBACK = ("/ip4/127.", "/ip6/::1/")


def text_from_addresses(addresses: Iterable[Multiaddr]) -> bytes:
    """Write a TXT record of the addresses that peers on this network can dial.

    Args:
        addresses: Each ending in ``/p2p/ID``.
    """
    text = b""
    for address in addresses:
        string = DNSADDR + str(address).encode("ascii")
        is_small = len(string) <= MAX_STRING_BYTES and len(text) + len(string) < MAX_TEXT_BYTES
        if is_announced(address) and is_small:
            text += bytes((len(string),)) + string
    return text


def is_announced(address: Multiaddr) -> bool:
    """Return whether others on the local network may dial an address: IP, not loopback.

    One of a transport that this node lacks is announced where it is configured: others
    have it. WebSocket is for browsers, which do not speak mDNS; go leaves it out as well.
    """
    names = names_in(address)
    transport = transport_of(address)
    is_for_peers = transport is None or not transport.is_for_browsers
    is_direct = names[:1] in (("ip4",), ("ip6",)) and "p2p-circuit" not in names
    return is_direct and is_for_peers and not str(address).startswith((*LOOPBACK, *NOWHERE))


def port_from_addresses(addresses: Iterable[Multiaddr]) -> int | None:
    """Return a port of an announced address, which DNS-SD wants and libp2p does not read."""
    for address in filter(is_announced, addresses):
        for name in PORTED.intersection(names_in(address)):
            return int(str(address.value_for_protocol(name)))
    return None


def hosts_from_addresses(addresses: Iterable[Multiaddr]) -> list[str]:
    """List the IP addresses among the announced ones, each once."""
    announced = [address for address in addresses if is_announced(address)]
    hosts = (address.value_for_protocol(names_in(address)[0]) for address in announced)
    return list(dict.fromkeys(str(host) for host in hosts))


def peers_from_text(text: bytes) -> list[PeerInfo]:
    """Read the peers of a TXT record; what is not an address is left out."""
    by_peer: dict[str, list[Multiaddr]] = defaultdict(list)
    for string in _strings(text):
        if string.startswith(DNSADDR) and len(by_peer) <= MAX_ADDRESSES:
            address = _address_or_none(string[len(DNSADDR) :])
            peer_id = address.get_peer_id() if address is not None else None
            if address is not None and peer_id is not None and is_usable(address):
                by_peer[peer_id].append(address.decapsulate(f"/p2p/{peer_id}"))
    return [
        PeerInfo(ID.from_string(peer_id), usable_addresses(found))
        for peer_id, found in by_peer.items()
    ]


def _strings(text: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(text):
        size = text[at]
        yield text[at + 1 : at + 1 + size]
        at += 1 + size


def _address_or_none(text: bytes) -> Multiaddr | None:
    try:
        return multiaddr_from_text(text.decode("ascii"))
    except ValueError:
        return None
