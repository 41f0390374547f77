"""Dials the peers that rendezvous and mDNS find, a few at a time.

Owns the bounds on dialling unknown peers: how many wait, how many are dialled at
once, which addresses are worth a try. Made by ``discovery``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog
import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from p2pd.domain.names import PeerId
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.discovery.dialler import Dialler
from p2pd.net.discovery.usable import usable_addresses

MAX_WAITING = 256
MAX_AT_ONCE = 8

Locate = Callable[[ID], Awaitable[PeerInfo]]

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class DialQueue:
    """Dial found peers in a nursery; a peer being dialled is not dialled twice.

    At most 256 peers wait; further ones are dropped and counted, since whoever
    found them will find them again.

    Args:
        locate: Asks the DHT for a peer of whom only the id is known.
    """

    own_id: ID
    dialler: Dialler
    locate: Locate
    rejections: Rejections
    nursery: trio.Nursery
    _waiting: set[ID] = field(default_factory=set)
    _limiter: trio.CapacityLimiter = field(
        default_factory=lambda: trio.CapacityLimiter(MAX_AT_ONCE)
    )

    def queue_dial(self, info: PeerInfo) -> None:
        """Dial a peer soon, unless it is connected or about to be dialled."""
        peer_id = info.peer_id
        if peer_id == self.own_id or peer_id in self._waiting:
            return
        if self.dialler.is_connected(PeerId(str(peer_id))):
            return
        if len(self._waiting) >= MAX_WAITING:
            self.rejections.count(RejectionReason.INTRODUCTIONS_OVER_LIMIT)
            return
        self._waiting.add(peer_id)
        self.nursery.start_soon(self._dial_in_turn, info)

    async def _dial_in_turn(self, info: PeerInfo) -> None:
        try:
            async with self._limiter:
                await self._dial(info)
        # An unknown peer's addresses must not end discovery, whatever they set off.
        except Exception as error:
            self.rejections.count(RejectionReason.INTRODUCTION_FAILED)
            _log.warning("peer could not be dialled", error=repr(error))
        finally:
            self._waiting.discard(info.peer_id)

    async def _dial(self, info: PeerInfo) -> None:
        addresses = usable_addresses(info.addrs)
        if not addresses:
            addresses = usable_addresses((await self.locate(info.peer_id)).addrs)
        if addresses:
            await self.dialler.dial(PeerInfo(info.peer_id, addresses))
