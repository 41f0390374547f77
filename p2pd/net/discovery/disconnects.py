"""Hears from the swarm that the last connection to a peer is gone."""

from __future__ import annotations

from collections.abc import Callable

from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from libp2p.peer.id import ID
from multiaddr import Multiaddr


class Disconnects(INotifee):
    """Tell ``on_lost`` of each peer with no connection left; all else is no news."""

    def __init__(self, on_lost: Callable[[ID], None]) -> None:
        self._on_lost = on_lost

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        """Take note of a closed connection."""
        peer_id = conn.muxed_conn.peer_id
        if not network.get_connections(peer_id):
            self._on_lost(peer_id)

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        """Wait for identify instead, which tells what the peer can do."""

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None:
        """Leave streams to their handlers."""

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None:
        """Leave streams to their handlers."""

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Leave listening to the host."""

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Leave listening to the host."""
