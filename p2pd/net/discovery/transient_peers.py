"""Peers dialled only to be asked something by the DHT, and disconnected again.

On the public network a walk dials dozens of unknown peers, each of whom would stay
connected and be pinged for ever. Wraps the dialling of the DHT; made by
``discovery``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

import structlog
import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from p2pd.domain.names import PeerId
from p2pd.net.discovery.dialler import Dialler
from p2pd.net.patches.basic_host import NodeHost

MAX_CONNECTED = 64
"""Unknown peers that stay connected: the next walk will mostly ask the same ones."""
LET_GO_TIMEOUT_S = 2.0
GOSSIP = "/meshsub/"

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class TransientPeers:
    """Dial peers for the DHT; of those who do not gossip the last 64 stay connected."""

    host: NodeHost
    dialler: Dialler
    _dialled: OrderedDict[ID, None] = field(default_factory=OrderedDict)

    async def dial(self, info: PeerInfo) -> bool:
        """Connect to a peer, and disconnect the one dialled longest ago."""
        if self.dialler.is_connected(PeerId(str(info.peer_id))):
            if info.peer_id in self._dialled:
                self._dialled.move_to_end(info.peer_id)
            return True
        if not await self.dialler.dial(info):
            return False
        self._dialled[info.peer_id] = None
        self._dialled.move_to_end(info.peer_id)
        while len(self._dialled) > MAX_CONNECTED:
            oldest, _ = self._dialled.popitem(last=False)
            await self._let_go(oldest)
        return True

    async def _let_go(self, peer_id: ID) -> None:
        """Close the connections to a peer, unless it may be here to chat or is protected."""
        if self.host.swarm.is_protected(peer_id):
            return
        identity = self.host.identity_of(peer_id)
        if identity is None or any(name.startswith(GOSSIP) for name in identity.protocols):
            return
        with trio.move_on_after(LET_GO_TIMEOUT_S):
            try:
                await self.host.disconnect(peer_id)
            # A connection that breaks while it is closed is closed.
            except Exception as error:
                _log.debug("dialled peer broke off", error=repr(error))
