"""Addresses that lead through a relay. Pure.

``…/p2p/RELAY/p2p-circuit`` is how this node writes one: without the peer's own id at
the end, as it writes every other address.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.net.advertised import bounded_addresses
from p2pd.net.multiaddrs import names_in
from p2pd.net.transports.order import without_loopback

CIRCUIT = "p2p-circuit"
MAX_ADDRESSES_PER_RELAY = 4


@dataclass(frozen=True, slots=True)
class RelayPath:
    """The relay of a relayed address.

    Attributes:
        relay_address: Where it is dialled, without its id; None where only it is named.
    """

    relay_id: ID
    relay_address: Multiaddr | None


def is_relayed(address: Multiaddr) -> bool:
    """Return whether an address leads through a relay."""
    return CIRCUIT in names_in(address)


def path_from_address(address: Multiaddr) -> RelayPath:
    """Take a relayed address apart; what follows ``/p2p-circuit`` is ignored.

    Raises:
        ValueError: It names no relay, or leads through more than one.
    """
    names = names_in(address)
    if names.count(CIRCUIT) != 1:
        raise ValueError("it leads through more than one relay, or through none")
    end = names.index(CIRCUIT)
    if end == 0 or names[end - 1] != "p2p":
        raise ValueError("it does not name its relay")
    parts = address.split()
    relay_id = ID.from_base58(str(parts[end - 1].value_for_protocol("p2p")))
    return RelayPath(relay_id, Multiaddr.join(*parts[: end - 1]) if end > 1 else None)


def relay_id_of(address: Multiaddr) -> ID | None:
    """Name the relay of an address; None for a direct one, or one that cannot be read."""
    try:
        return path_from_address(address).relay_id
    # The codecs of ids raise what they like.
    except Exception:
        return None


def spread_over_relays(addresses: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Order relayed addresses, each once, so that each relay's first come first."""
    seen: Counter[ID | None] = Counter()
    ranked = []
    for address in dict.fromkeys(addresses):
        relay_id = relay_id_of(address)
        ranked.append((seen[relay_id], address))
        seen[relay_id] += 1
    return [address for _, address in sorted(ranked, key=lambda each: each[0])]


def circuit_address(relay_address: Multiaddr, relay_id: ID) -> Multiaddr:
    """Write the address of whoever is behind a relay."""
    return Multiaddr.join(relay_address, f"/p2p/{relay_id}/{CIRCUIT}")


def circuit_addresses(reported: Iterable[bytes | Multiaddr], relay_id: ID) -> list[Multiaddr]:
    """Write the addresses behind a relay from those that it says it has, at most four.

    Loopback stays only where there is nothing else.
    """
    relay_addresses = dict.fromkeys(
        _without_end(address, relay_id)
        for address in bounded_addresses(reported)
        if CIRCUIT not in names_in(address) and len(names_in(address)) > 1
    )
    chosen = without_loopback(relay_addresses)[:MAX_ADDRESSES_PER_RELAY]
    return [circuit_address(each, relay_id) for each in chosen]


def _without_end(address: Multiaddr, relay_id: ID) -> Multiaddr:
    """Strip the relay's own id, which it may have written or not."""
    parts = address.split()
    if names_in(parts[-1]) == ("p2p",) and str(parts[-1]) == f"/p2p/{relay_id}":
        return Multiaddr.join(*parts[:-1])
    return address
