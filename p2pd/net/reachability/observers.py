"""The peers that can say whether the internet reaches this node. Called by ``prober``."""

from __future__ import annotations

from dataclasses import dataclass

from libp2p.abc import INetConn
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.reachability.autonat import AUTONAT
from p2pd.net.reachability.autonat_v2 import DIAL_REQUEST
from p2pd.net.reachability.connections import direct_peer_ip, is_open_and_direct
from p2pd.net.reachability.endpoints import is_global
from p2pd.net.subscribers import subscriber_of


@dataclass(frozen=True, slots=True)
class Observer:
    """A peer that can be asked, on one connection.

    Attributes:
        group: Its network: the peers of one network are one observer.
        names_addresses: Whether it answers for one address at a time (AutoNAT v2).
    """

    peer_id: ID
    ip: str
    group: str
    connection: INetConn
    names_addresses: bool

    def has_version_of(self, address: Multiaddr) -> bool:
        """Return whether it sees this node over the IP version of an address."""
        return str(address).startswith("/ip6/") == (":" in self.ip)


def observers_among(host: NodeHost) -> list[Observer]:
    """List one connected peer of each network that serves AutoNAT, of version 2 if any."""
    found: dict[str, Observer] = {}
    for peer_id in host.get_connected_peers():
        identity = host.identity_of(peer_id)
        protocols = () if identity is None else identity.protocols
        names_addresses = DIAL_REQUEST in protocols
        if not names_addresses and AUTONAT not in protocols:
            continue
        for connection in host.swarm.get_connections(peer_id):
            ip = direct_peer_ip(connection)
            if ip is None or not is_global(ip) or not is_open_and_direct(connection):
                continue
            group = subscriber_of(ip)
            if group not in found or (names_addresses and not found[group].names_addresses):
                found[group] = Observer(peer_id, ip, group, connection, names_addresses)
    return list(found.values())
