"""Peers that callers have dialled: connected, and remembered over restarts."""

from __future__ import annotations

from collections.abc import Sequence

from p2pd.chat.blocks import Blocks
from p2pd.chat.directory import Directory
from p2pd.chat.known_peers import KnownPeerList
from p2pd.domain.names import PeerId
from p2pd.domain.peers import Peer
from p2pd.net.addresses import peer_id_from_address
from p2pd.net.network import Network


class Dialling:
    """Dial a peer for a caller."""

    def __init__(
        self,
        network: Network,
        known_peers: KnownPeerList,
        directory: Directory,
        blocks: Blocks,
    ) -> None:
        self._blocks = blocks
        self._network = network
        self._known_peers = known_peers
        self._directory = directory

    async def connect(self, address: str) -> Peer:
        """Dial a peer and hold the connection, over restarts too.

        Raises:
            InvalidInputError: Not an address of another peer.
            DialFailedError: Nobody answers there.
            DialTimeoutError: The peer took too long.
            PeerBlockedError: The peer is blocked.
        """
        self._blocks.name_peer(peer_id_from_address(address))
        peer = await self._network.connect(address)
        await self._known_peers.add_given(address)
        return self._directory.with_rooms(peer)

    async def connect_invited(self, peer_id: PeerId, addresses: Sequence[str]) -> Peer:
        """Dial a peer at several addresses and hold the connection, over restarts too.

        Raises:
            DialFailedError: Nobody answers there.
            DialTimeoutError: The peer took too long.
            PeerBlockedError: The peer is blocked.
        """
        self._blocks.name_peer(peer_id)
        peer = await self._network.connect_at(peer_id, addresses)
        await self._remember(peer_id, addresses)
        return self._directory.with_rooms(peer)

    async def keep(self, peer_id: PeerId, addresses: Sequence[str]) -> None:
        """Dial a peer from now on until it answers, best addresses first, over restarts too."""
        # The address named last is dialled first.
        for address in reversed(addresses):
            self._network.keep(f"{address}/p2p/{peer_id}")
        await self._remember(peer_id, addresses)

    async def _remember(self, peer_id: PeerId, addresses: Sequence[str]) -> None:
        for address in reversed(addresses):
            await self._known_peers.add_given(f"{address}/p2p/{peer_id}")
