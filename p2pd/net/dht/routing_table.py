"""The DHT's routing table, which never waits for a peer and takes only servers.

The library's pings the oldest peer of a full bucket, dialling it, with the
bucket locked and an inbound slot held; and takes whoever opens a stream for a
server, although clients open streams too (patch 61). Used by ``kad``.
"""

from __future__ import annotations

from libp2p.abc import IHost
from libp2p.kad_dht.common import PROTOCOL_ID
from libp2p.kad_dht.routing_table import KBucket, RoutingTable
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo


class ConnectedBucket(KBucket):
    """A bucket in which a peer counts as alive while it is connected."""

    async def _ping_peer(self, peer_id: ID) -> bool:
        return peer_id in self.host.get_connected_peers()

    def split(self) -> tuple[KBucket, KBucket]:
        """Split in two of the same kind."""
        lower, upper = super().split()
        return _connected_from(lower), _connected_from(upper)


def _connected_from(bucket: KBucket) -> ConnectedBucket:
    connected = ConnectedBucket(
        bucket.host,
        bucket.bucket_size,
        bucket.min_range,
        bucket.max_range,
        bucket.max_peers_per_subnet,
    )
    connected.peers = bucket.peers
    return connected


class ServerTable(RoutingTable):
    """A routing table of peers known to serve the DHT."""

    def __init__(self, local_id: ID, host: IHost) -> None:
        super().__init__(local_id, host)
        self.cleanup_routing_table()

    def cleanup_routing_table(self) -> None:
        """Forget every peer."""
        self.buckets = [ConnectedBucket(self.host)]

    async def add_peer(
        self, peer_obj: PeerInfo | ID, *, skip_server_mode_check: bool = False
    ) -> bool:
        """Add a peer that serves the DHT.

        Args:
            peer_obj: The peer, or its id where the peer store knows addresses.
            skip_server_mode_check: Set by the library for a peer that opened a
                stream to us; it then needs to be known as a server already.
        """
        peer_id = peer_obj.peer_id if isinstance(peer_obj, PeerInfo) else peer_obj
        if skip_server_mode_check and not self._is_known_server(peer_id):
            return False
        return await super().add_peer(peer_obj)

    def _is_known_server(self, peer_id: ID) -> bool:
        try:
            protocols = self.host.get_peerstore().get_protocols(peer_id)
        except Exception:  # the store raises for a peer it does not know
            return False
        return str(PROTOCOL_ID) in protocols
