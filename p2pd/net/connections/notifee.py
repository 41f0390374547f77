"""The swarm's callbacks, reduced to the two that say anything here.

Registered by ``service`` with the swarm.
"""

from __future__ import annotations

from collections.abc import Callable

from libp2p.abc import INetConn, INetStream, INetwork, INotifee
from multiaddr import Multiaddr


class ConnectionNotifee(INotifee):
    """Pass on connections that come and go."""

    def __init__(
        self, connected: Callable[[INetConn], None], disconnected: Callable[[INetConn], None]
    ) -> None:
        self._connected = connected
        self._disconnected = disconnected

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        """Pass on a new connection."""
        self._connected(conn)

    async def disconnected(self, network: INetwork, conn: INetConn) -> None:
        """Pass on a closed connection."""
        self._disconnected(conn)

    async def opened_stream(self, network: INetwork, stream: INetStream) -> None:
        """Ignore."""

    async def closed_stream(self, network: INetwork, stream: INetStream) -> None:
        """Ignore."""

    async def listen(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Ignore."""

    async def listen_close(self, network: INetwork, multiaddr: Multiaddr) -> None:
        """Ignore."""
