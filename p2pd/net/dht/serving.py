"""When this node serves the DHT to others. Pure.

Called by ``p2pd.net.opening``. On the public network a node that nobody can dial is a
client: servers that do not answer make every lookup slow. A private network has no
other servers than its members, so there each of them is one.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address

from multiaddr import Multiaddr

from p2pd.net.multiaddrs import names_in

PRIVATE_DOMAINS = ("localhost", "local", "internal", "lan", "home.arpa", "test")


def is_private_network(bootstrap: Iterable[str]) -> bool:
    """Return whether every bootstrap peer is on a local network; so it is where none is set."""
    return all(_is_private(Multiaddr(address)) for address in bootstrap)


def _is_private(address: Multiaddr) -> bool:
    name = names_in(address)[0]
    host = str(address.value_for_protocol(name))
    if name in ("ip4", "ip6"):
        return not ip_address(host).is_global
    # A name of one label is the local network's own, as in a compose file.
    is_local = "." not in host or host.endswith(tuple(f".{each}" for each in PRIVATE_DOMAINS))
    return name != "dnsaddr" and is_local
