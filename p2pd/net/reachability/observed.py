"""Where peers see this node, counted by independent peers. Pure.

Fed by ``service`` with what identify reports on each connection. What a connection
reported is forgotten with it, so that the table is no larger than the connections are
many. An address of IP is confirmed when more than half of the observers of its IP
version agree, and at least two or, with many, four: one liar sets nothing, whatever
number of connections it has, since all of its network are one observer.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from multiaddr import Multiaddr

from p2pd.net.reachability.endpoints import Endpoint, is_global
from p2pd.net.subscribers import subscriber_of

MIN_OBSERVERS = 2
MAX_ADDRESSES = 8


@dataclass(frozen=True, slots=True)
class Observation:
    """One report.

    Attributes:
        observer_ip: Where the peer that reports is connected from.
        seen_at: Where it sees this node.
        is_inbound: Whether the peer has dialled: the port is one it could dial then.
    """

    observer_ip: str
    seen_at: Endpoint
    is_inbound: bool

    @property
    def group(self) -> str:
        """The network of the peer that reports."""
        return subscriber_of(self.observer_ip)


class ObservedAddresses:
    """What is reported on the open connections."""

    def __init__(self) -> None:
        self._by_connection: dict[Hashable, Observation] = {}

    def record(self, connection: Hashable, observation: Observation) -> None:
        """Record what the peer of a connection reports; replaces what it reported before.

        A peer of the local network does not see this node from the internet, and one
        machine can have many addresses there.
        """
        if observation.seen_at.is_global and is_global(observation.observer_ip):
            self._by_connection[connection] = observation

    def forget(self, connection: Hashable) -> None:
        """Forget what was reported on a closed connection."""
        self._by_connection.pop(connection, None)

    def confirmed_ips(self) -> list[str]:
        """List the IP addresses that enough observers agree on, IPv4 first."""
        confirmed = []
        for version in (4, 6):
            votes = self._votes(version)
            observers = len(votes)
            agreeing = Counter(votes.values())
            for ip, count in agreeing.most_common(1):
                if count >= MIN_OBSERVERS and 2 * count > observers:
                    confirmed.append(ip)
        return confirmed

    def confirmed(self, listening: Iterable[Endpoint]) -> list[Endpoint]:
        """List the likely addresses of the listeners at confirmed IP addresses."""
        return _merged(self.confirmed_ips(), listening, self._ports(MIN_OBSERVERS))

    def candidates(self, listening: Iterable[Endpoint]) -> list[Endpoint]:
        """List where this node may be dialled, at most eight, confirmed addresses first.

        Also what a single peer reports: to be tried, never to be announced.
        """
        listeners = list(listening)
        seen = Counter(each.seen_at.ip for each in self._by_connection.values())
        any_ip = [ip for ip, _ in seen.most_common()]
        ranked = [
            *self.confirmed(listeners),
            *_merged(any_ip, listeners, self._ports(1)),
        ]
        return list(dict.fromkeys(ranked))[:MAX_ADDRESSES]

    def _votes(self, version: int) -> dict[str, str]:
        """Return the newest report of each observer."""
        return {
            each.group: each.seen_at.ip
            for each in self._by_connection.values()
            if each.seen_at.version == version
        }

    def _ports(self, least_observers: int) -> list[Endpoint]:
        """List whole endpoints that say more than the IP, most observed first.

        The port of a TCP connection that this node dialled is of that connection only.
        """
        groups: dict[Endpoint, set[str]] = {}
        for each in self._by_connection.values():
            if each.is_inbound or each.seen_at.transport == "udp":
                groups.setdefault(each.seen_at, set()).add(each.group)
        ranked = sorted(groups, key=lambda endpoint: -len(groups[endpoint]))
        return [each for each in ranked if len(groups[each]) >= least_observers]


def _merged(
    ips: Iterable[str], listening: Iterable[Endpoint], whole: Iterable[Endpoint]
) -> list[Endpoint]:
    """Put the listeners' ports at each IP, and add whole endpoints at these."""
    listeners = list(listening)
    merged: dict[Endpoint, None] = {}
    for ip in ips:
        exact = [each for each in whole if each.ip == ip]
        probe = Endpoint(ip, "tcp", 0)
        inferred = [replace(each, ip=ip) for each in listeners if each.version == probe.version]
        merged.update(dict.fromkeys([*exact, *inferred]))
    return list(merged)


def addresses_from_endpoints(endpoints: Iterable[Endpoint]) -> list[Multiaddr]:
    """Write endpoints as multiaddrs."""
    return [each.address() for each in endpoints]
