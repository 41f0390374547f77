"""What discovery needs of the connections: to dial, to keep, to know.

``p2pd.net.connections.Connections`` is one; the parts of this package take it
as this protocol, so that each can be tested with a real host alone.
"""

from __future__ import annotations

from typing import Protocol

from libp2p.peer.peerinfo import PeerInfo

from p2pd.domain.names import PeerId


class Dialler(Protocol):
    """Connects to peers; no method raises for what a remote does."""

    async def dial(self, info: PeerInfo) -> bool:
        """Connect to a peer; True where it is connected."""

    def keep(self, info: PeerInfo) -> None:
        """Dial this peer again whenever it is lost."""

    def is_connected(self, peer_id: PeerId) -> bool:
        """Return whether there is a connection to a peer."""
