"""The peers of a room as a protocol above the network sees them.

Given by ``p2pd.net.network`` to synchronisation, which knows no libp2p.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import structlog
import trio
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID

from p2pd.domain.names import PeerId, RoomName
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.pubsub.gossip import Gossip
from p2pd.net.streams.peer_stream import PeerStream

OPEN_TIMEOUT_S = 20.0

log = structlog.get_logger(__name__)


class RoomPeers:
    """Who is in a room, which protocols a peer speaks, and streams to and from peers."""

    def __init__(self, host: NodeHost, gossip: Gossip) -> None:
        self._host = host
        self._gossip = gossip
        self.own_id = PeerId(str(host.get_id()))

    @property
    def rooms(self) -> frozenset[RoomName]:
        """The joined rooms."""
        return self._gossip.rooms

    def peers_in(self, room: RoomName) -> frozenset[PeerId]:
        """The connected peers that are in a room."""
        return self._gossip.peers_in(room)

    def speaks(self, peer_id: PeerId, protocol: str) -> bool:
        """Return whether a connected peer has announced a protocol."""
        identity = self._host.identity_of(ID.from_base58(peer_id))
        return identity is not None and protocol in identity.protocols

    async def open_stream(self, peer_id: PeerId, protocol: str) -> PeerStream | None:
        """Open a stream to a peer; None where that fails."""
        try:
            with trio.fail_after(OPEN_TIMEOUT_S):
                stream = await self._host.new_stream(ID.from_base58(peer_id), [TProtocol(protocol)])
        # Boundary: the library has many ways to say that a peer is gone.
        except Exception as error:
            log.debug("stream not opened", peer_id=peer_id, protocol=protocol, error=repr(error))
            return None
        return PeerStream(stream)

    @contextmanager
    def served(
        self, protocol: str, answer: Callable[[PeerId, PeerStream], Awaitable[None]]
    ) -> Iterator[None]:
        """Answer streams of a protocol inside the block."""

        async def handle(stream: INetStream) -> None:
            await answer(PeerId(str(stream.muxed_conn.peer_id)), PeerStream(stream))

        self._host.set_stream_handler(TProtocol(protocol), handle)
        try:
            yield
        finally:
            self._host.remove_stream_handler(TProtocol(protocol))
