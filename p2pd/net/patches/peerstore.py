"""A peerstore that never forgets the node's own keys.

Called by ``p2pd.net.host``, which gives it to the swarm and the host.
"""

from __future__ import annotations

from collections.abc import Callable

from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStore

MAX_PEERS = 4096
EVICTED_AT_ONCE = 256
"""Sorting the store is dear, so make room for many at a time."""


class LastingPeerStore(PeerStore):
    """Forget strangers first when full (39).

    The stock store, full at 1,000 peers, first forgets those without an
    address. The node itself is one: without its own keys nothing works.
    """

    def __init__(self, must_keep: Callable[[ID], bool]) -> None:
        super().__init__(max_peers=MAX_PEERS)
        self._must_keep = must_keep

    def _enforce_peer_limit(self) -> None:
        surplus = len(self.peer_data_map) - self.max_peers
        if surplus <= 0:
            return
        strangers = [peer_id for peer_id in self.peer_data_map if not self._must_keep(peer_id)]
        strangers.sort(key=self._worth)
        for peer_id in strangers[: surplus + EVICTED_AT_ONCE]:
            self.peer_record_map.pop(peer_id, None)
            del self.peer_data_map[peer_id]

    def _worth(self, peer_id: ID) -> tuple[bool, int]:
        known = self.peer_data_map[peer_id]
        return (bool(known.get_addrs()) and not known.is_expired(), known.get_last_identified())
