"""Which peers this node has no connection with, by the choice of its person.

Set through ``network`` by ``p2pd.chat.blocks``; asked by the swarm before each dial and
for each new connection. Used in the trio thread.
"""

from __future__ import annotations

from collections.abc import Iterable

from libp2p.peer.id import ID

from p2pd.domain.names import PeerId


class PeerGate:
    """Peers that are blocked both ways, and peers that are only not dialled."""

    def __init__(self) -> None:
        self._blocked: frozenset[ID] = frozenset()
        self._undialled: frozenset[ID] = frozenset()

    def set(self, blocked: Iterable[PeerId], undialled: Iterable[PeerId]) -> None:
        """Replace both sets."""
        self._blocked = frozenset(map(ID.from_base58, blocked))
        self._undialled = frozenset(map(ID.from_base58, undialled))

    def is_blocked(self, peer_id: ID) -> bool:
        """Return whether there is to be no connection with a peer."""
        return peer_id in self._blocked

    def permits_dial(self, peer_id: ID) -> bool:
        """Return whether a peer may be dialled."""
        return peer_id not in self._blocked and peer_id not in self._undialled
