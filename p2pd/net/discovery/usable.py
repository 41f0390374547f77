"""Which of the addresses reported by others this node can dial. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from multiaddr import Multiaddr

from p2pd.net.advertised import bounded_addresses
from p2pd.net.multiaddrs import sound_addresses
from p2pd.net.relay.addresses import is_relayed, path_from_address
from p2pd.net.transports import transport_of

NOWHERE = ("/ip4/0.0.0.0/", "/ip6/::/")


def usable_addresses(addresses: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Keep at most 16 addresses, direct or through a relay, that lead somewhere.

    0.0.0.0 is what a careless peer listens on; dialling it leads to oneself.
    """
    return bounded_addresses(each for each in sound_addresses(addresses) if is_usable(each))


def is_usable(address: Multiaddr) -> bool:
    """Return whether an address is of a kind that this node dials."""
    if is_relayed(address):
        return _is_usable_relay(address)
    return transport_of(address) is not None and not str(address).startswith(NOWHERE)


def _is_usable_relay(address: Multiaddr) -> bool:
    try:
        path = path_from_address(address)
    # Whatever the codec of the relay's id raises.
    except Exception:
        return False
    return path.relay_address is None or is_usable(path.relay_address)
