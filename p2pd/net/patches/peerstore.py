"""A peerstore that never forgets the node's own keys, and stores little of a peer.

Called by ``p2pd.net.host``, which gives it to the swarm and the host.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from libp2p.peer.envelope import Envelope
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore
from multiaddr import Multiaddr

from p2pd.net.advertised import (
    MAX_ADDRESSES,
    MAX_RECORD_BYTES,
    bounded_addresses,
    bounded_protocols,
)

MAX_PEERS = 4096
EVICTED_AT_ONCE = 256
"""Sorting the store is dear, so make room for many at a time."""


class LastingPeerStore(PeerStore):
    """Forget unknown peers first when full (39).

    The stock store, full at 1,000 peers, first forgets those without an
    address. The node itself is one: without its own keys nothing works.
    """

    def __init__(self, must_keep: Callable[[ID], bool]) -> None:
        super().__init__(max_peers=MAX_PEERS)
        self._must_keep = must_keep

    def add_addrs(self, peer_id: ID, addrs: Sequence[Multiaddr], ttl: int = 0) -> None:
        """Add addresses of a peer; of those known the newest 16 stay."""
        super().add_addrs(peer_id, bounded_addresses(addrs), ttl)
        known = self.peer_data_map.get(peer_id)
        if known is not None:
            known.addrs = known.addrs[-MAX_ADDRESSES:]

    def add_protocols(self, peer_id: ID, protocols: Sequence[str]) -> None:
        """Add protocols that a peer speaks, within the bound of all its names."""
        super().add_protocols(peer_id, protocols)
        known = self.peer_data_map[peer_id]
        known.set_protocols(bounded_protocols(known.get_protocols()))

    def set_protocols(self, peer_id: ID, protocols: Sequence[str]) -> None:
        """Replace the protocols that a peer speaks."""
        super().set_protocols(peer_id, bounded_protocols(protocols))

    def consume_peer_record(self, envelope: Envelope, ttl: int) -> bool:
        """Store a signed record of a peer; one that is too large is refused."""
        if len(envelope.raw_payload) > MAX_RECORD_BYTES:
            return False
        return super().consume_peer_record(envelope, ttl)

    def _enforce_peer_limit(self) -> None:
        surplus = len(self.peer_data_map) - self.max_peers
        if surplus <= 0:
            return
        unknown = [peer_id for peer_id in self.peer_data_map if not self._must_keep(peer_id)]
        unknown.sort(key=self._worth)
        for peer_id in unknown[: surplus + EVICTED_AT_ONCE]:
            self.peer_record_map.pop(peer_id, None)
            del self.peer_data_map[peer_id]

    def _worth(self, peer_id: ID) -> tuple[bool, int]:
        known = self.peer_data_map[peer_id]
        return (bool(known.get_addrs()) and not known.is_expired(), known.get_last_identified())
