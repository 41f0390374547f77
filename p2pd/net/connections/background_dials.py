"""Dials that nobody waits for: of peers that were found, and of those that were lost.

Discovery dials through it by way of ``service``; ``redial`` dials lost peers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import partial

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

NAMED_FIRST = 3
"""So many of the addresses that were named are dialled before what the peer reports."""

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
        forget = partial(rejections.count, RejectionReason.BACKOFFS_OVER_LIMIT)
        self._backoffs = DialBackoffs(on_evict=forget)
        self._descriptors = DescriptorReserve()
        registry.on_peer_came.append(self._peer_came)

    async def dial_found(self, info: PeerInfo) -> bool:
        """Dial a peer that discovery found, unless it failed lately.

        Returns:
            Whether it is connected now.
        """
        if info.peer_id == self._swarm.self_id or not self._swarm.gate.permits_dial(info.peer_id):
            return False
        if info.peer_id in self._registry:
            return True
        if not self._backoffs.may_dial(str(info.peer_id), trio.current_time()):
            return False
        if not self._descriptors.permits_discovery():
            self._rejections.count(RejectionReason.DESCRIPTORS_RESERVED)
            return False
        return await self.dial_lost(info)

    async def dial_lost(self, info: PeerInfo) -> bool:
        """Dial a peer at what it and others report; returns whether it is connected now."""
        reported = dialling_order(sound_addresses(info.addrs))
        known = self._swarm.known_addresses(info.peer_id)
        return await self._dial(info.peer_id, [*known, *reported], named=())

    async def dial_held(self, info: PeerInfo) -> bool:
        """Dial a peer at addresses that somebody here named, in their order, and at others.

        Returns:
            Whether it is connected now.
        """
        named = sound_addresses(info.addrs)
        known = self._swarm.known_addresses(info.peer_id)
        addresses = [*named[:NAMED_FIRST], *known, *named[NAMED_FIRST:]]
        return await self._dial(info.peer_id, addresses, named)

    async def _dial(
        self, peer_id: ID, addresses: Sequence[Multiaddr], named: Collection[Multiaddr]
    ) -> bool:
        try:
            with trio.fail_after(DIAL_TIMEOUT_S):
                await self._answering.dial(peer_id, addresses, named)
        # Boundary: whatever an address or a peer sets off, the dialling goes on.
        except Exception as error:
            self._rejections.count(RejectionReason.DIAL_FAILED)
            self._backoffs.failed(str(peer_id), trio.current_time())
            log.debug("dial failed", peer_id=str(peer_id), error=repr(error))
            return False
        return True

    def forget_failures(self) -> None:
        """Let every peer be dialled again: what failed may have been this machine's network."""
        self._backoffs.clear()

    def _peer_came(self, peer_id: ID) -> None:
        self._backoffs.succeeded(str(peer_id))
