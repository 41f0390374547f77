"""Dials that nobody waits for: of peers that were found, and of those that were lost.

Discovery dials through it by way of ``service``; ``redial`` dials lost peers.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog
import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.connections.answering import AnsweringDial
from p2pd.net.connections.backoff import DialBackoffs
from p2pd.net.connections.registry import Registry
from p2pd.net.descriptors import DescriptorReserve
from p2pd.net.multiaddrs import sound_addresses
from p2pd.net.patches.swarm import DIAL_TIMEOUT_S, NodeSwarm
from p2pd.net.transports.order import dialling_order

log = structlog.get_logger(__name__)


class BackgroundDials:
    """Dial peers at the addresses they and others say they have; no dial raises."""

    def __init__(
        self,
        swarm: NodeSwarm,
        registry: Registry,
        answering: AnsweringDial,
        rejections: Rejections,
    ) -> None:
        self._swarm = swarm
        self._registry = registry
        self._answering = answering
        self._rejections = rejections
        self._backoffs = DialBackoffs()
        self._descriptors = DescriptorReserve()
        registry.on_peer_came.append(self._peer_came)

    async def dial_found(self, info: PeerInfo) -> bool:
        """Dial a peer that discovery found, unless it failed lately.

        Returns:
            Whether it is connected now.
        """
        if info.peer_id == self._swarm.self_id:
            return False
        if info.peer_id in self._registry:
            return True
        if not self._backoffs.may_dial(str(info.peer_id), trio.current_time()):
            return False
        if not self._descriptors.permits_discovery():
            self._rejections.count(RejectionReason.DESCRIPTORS_RESERVED)
            return False
        return await self.dial(info)

    async def dial(self, info: PeerInfo) -> bool:
        """Dial a peer; returns whether it is connected now."""
        try:
            with trio.fail_after(DIAL_TIMEOUT_S):
                await self._answering.dial(info.peer_id, self._likely_addresses(info))
        # Boundary: whatever an address or a peer sets off, the dialling goes on.
        except Exception as error:
            self._rejections.count(RejectionReason.DIAL_FAILED)
            self._backoffs.failed(str(info.peer_id), trio.current_time())
            log.debug("dial failed", peer_id=str(info.peer_id), error=repr(error))
            return False
        return True

    def forget_failures(self) -> None:
        """Let every peer be dialled again: what failed may have been this machine's network."""
        self._backoffs.clear()

    def _likely_addresses(self, info: PeerInfo) -> Sequence[Multiaddr]:
        """List where a peer may be: what it said of itself lately, and what others say."""
        reported = dialling_order(sound_addresses(info.addrs))
        return [*self._swarm.known_addresses(info.peer_id), *reported]

    def _peer_came(self, peer_id: ID) -> None:
        self._backoffs.succeeded(str(peer_id))
