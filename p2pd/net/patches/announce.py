"""The addresses a node tells others when it listens on all of its interfaces.

``p2pd.net.host`` gives ``announced_addresses`` to the host.
"""

from __future__ import annotations

from collections.abc import Iterable

from multiaddr import Multiaddr

from p2pd.net.interfaces import network_hosts

LOOPBACK = {4: "127.0.0.1", 6: "::1"}
WILDCARD = {4: "/ip4/0.0.0.0/", 6: "/ip6/::/"}


def announced_addresses(listening: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Replace 0.0.0.0 and :: by the addresses of this machine (41), loopback last."""
    routed: list[Multiaddr] = []
    loopback: list[Multiaddr] = []
    for address in listening:
        version = _wildcard_version(address)
        if version is None:
            routed.append(address)
            continue
        routed += [_with_host(address, version, host) for host in network_hosts(version)]
        loopback.append(_with_host(address, version, LOOPBACK[version]))
    return routed + loopback


def _wildcard_version(address: Multiaddr) -> int | None:
    text = str(address)
    return next((version for version, start in WILDCARD.items() if text.startswith(start)), None)


def _with_host(address: Multiaddr, version: int, host: str) -> Multiaddr:
    return Multiaddr(f"/ip{version}/{host}/" + str(address).removeprefix(WILDCARD[version]))
