"""Dialling as an application does on either stack."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from libp2p.abc import IHost
from libp2p.peer.peerinfo import PeerInfo

from p2pd.domain.names import PeerId
from p2pd.domain.peers import Peer
from p2pd.domain.rejections import Rejections
from p2pd.errors import ChatError
from tests.upstream.stacks import Stack

Dial = Callable[[PeerInfo], Awaitable[bool]]


class NobodyIsTold:
    """A listener for scenarios that look at the host itself."""

    def peer_connected(self, peer: Peer) -> None:
        """Ignore."""

    def peer_identified(self, peer: Peer) -> None:
        """Ignore."""

    def peer_disconnected(self, peer_id: PeerId) -> None:
        """Ignore."""


@asynccontextmanager
async def dialler(stack: Stack, host: Any) -> AsyncIterator[Dial]:
    """Give a function that dials and tells whether the peer is connected then."""
    if not stack.is_ours:
        yield lambda info: _dial_stock(host, info)
        return
    from p2pd.net.connections import open_connections

    async with open_connections(host, NobodyIsTold(), Rejections()) as connections:

        async def dial(info: PeerInfo) -> bool:
            try:
                await connections.connect(f"{info.addrs[0]}/p2p/{info.peer_id}")
            except ChatError:
                return False
            return True

        yield dial


async def _dial_stock(host: IHost, info: PeerInfo) -> bool:
    try:
        await host.connect(info)
    # The stock library documents none of what this raises.
    except Exception:
        return False
    return True
