"""Peers that callers have dialled: connected, and remembered over restarts."""

from __future__ import annotations

from p2pd.chat.directory import Directory
from p2pd.chat.known_peers import KnownPeerList
from p2pd.domain.peers import Peer
from p2pd.net.network import Network


class Dialling:
    """Dial a peer for a caller."""

    def __init__(self, network: Network, known_peers: KnownPeerList, directory: Directory) -> None:
        self._network = network
        self._known_peers = known_peers
        self._directory = directory

    async def connect(self, address: str) -> Peer:
        """Dial a peer and hold the connection, over restarts too.

        Raises:
            InvalidInputError: Not an address of another peer.
            DialFailedError: Nobody answers there.
            DialTimeoutError: The peer took too long.
        """
        peer = await self._network.connect(address)
        await self._known_peers.add_given(address)
        return self._directory.with_rooms(peer)
