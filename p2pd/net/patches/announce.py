"""The addresses a node announces when it listens on all of its interfaces.

``p2pd.net.host`` gives ``announced_addresses`` to the host.
"""

from __future__ import annotations

from collections.abc import Iterable

from multiaddr import Multiaddr

from p2pd.net.interfaces import network_hosts
from p2pd.net.transports.order import announcing_order

LOOPBACK = {4: "127.0.0.1", 6: "::1"}
WILDCARD = {4: "/ip4/0.0.0.0/", 6: "/ip6/::/"}


def announced_addresses(listening: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Replace 0.0.0.0 and :: by the addresses of this machine (41).

    Returns:
        In the order of transports: listeners start in none. Loopback only where there
        is nothing else, since nobody else can dial it.
    """
    announced: list[Multiaddr] = []
    for address in listening:
        version = _wildcard_version(address)
        hosts = [] if version is None else [*network_hosts(version), LOOPBACK[version]]
        announced += [_with_host(address, host) for host in hosts] or [address]
    return announcing_order(announced)


def _wildcard_version(address: Multiaddr) -> int | None:
    text = str(address)
    return next((version for version, start in WILDCARD.items() if text.startswith(start)), None)


def _with_host(address: Multiaddr, host: str) -> Multiaddr:
    _, ip, _, rest = str(address).split("/", 3)
    return Multiaddr(f"/{ip}/{host}/{rest}")
