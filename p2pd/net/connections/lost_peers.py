"""Peers that were lost lately and that nobody holds: dialled again after an interruption.

They are those that chat, which discovery found or which dialled this node. Without an
interruption discovery finds them again, since it was them who went. Used by ``recovery``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial

import trio
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from common.backoff import Backoff
from p2pd.net.connections.registry import Registry
from p2pd.net.patches.basic_host import NodeHost
from p2pd.tasks import attempt

GOSSIP = "/meshsub/"
MAX_LOST = 64
LOST_FOR_S = 600.0
"""A peer that was lost longer ago is left to discovery."""
DIALLED_FOR_S = 15.0
"""Peers that are lost so soon after an interruption were lost by it."""
MAX_AT_ONCE = 8
FIRST_DELAY_S = 0.1
MAX_DELAY_S = 2.0

Dial = Callable[[PeerInfo], Awaitable[bool]]


class LostPeers:
    """Remember the 64 peers lost last that gossip; the one lost longest ago is evicted."""

    def __init__(
        self, host: NodeHost, registry: Registry, dial: Dial, nursery: trio.Nursery
    ) -> None:
        self._host = host
        self._registry = registry
        self._dial = dial
        self._nursery = nursery
        self._gossiping: set[ID] = set()
        self._lost_s: OrderedDict[ID, float] = OrderedDict()
        self._dialled: set[ID] = set()
        self._dialled_until_s = float("-inf")
        self._places = trio.CapacityLimiter(MAX_AT_ONCE)
        registry.on_peer_came.append(self._peer_came)
        registry.on_peer_went.append(self._peer_went)

    def identified(self, peer_id: ID) -> None:
        """Record whether a connected peer gossips."""
        identity = self._host.identity_of(peer_id)
        names = identity.protocols if identity else ()
        if peer_id in self._registry and any(name.startswith(GOSSIP) for name in names):
            self._gossiping.add(peer_id)

    def dial_all(self) -> None:
        """Dial the peers that are lost now or within the next 15 s, a few at once."""
        now_s = trio.current_time()
        self._dialled_until_s = now_s + DIALLED_FOR_S
        for peer_id, lost_s in tuple(self._lost_s.items()):
            if now_s - lost_s <= LOST_FOR_S:
                self._dial_soon(peer_id)

    def _peer_came(self, peer_id: ID) -> None:
        self._lost_s.pop(peer_id, None)

    def _peer_went(self, peer_id: ID) -> None:
        if peer_id not in self._gossiping:
            return
        self._gossiping.discard(peer_id)
        self._lost_s[peer_id] = trio.current_time()
        while len(self._lost_s) > MAX_LOST:
            self._lost_s.popitem(last=False)
        if trio.current_time() <= self._dialled_until_s:
            self._dial_soon(peer_id)

    def _dial_soon(self, peer_id: ID) -> None:
        if peer_id not in self._dialled:
            self._dialled.add(peer_id)
            self._nursery.start_soon(attempt, "lost peer", partial(self._dial_lost, peer_id))

    async def _dial_lost(self, peer_id: ID) -> None:
        backoff = Backoff(FIRST_DELAY_S, MAX_DELAY_S)
        try:
            while peer_id in self._lost_s and trio.current_time() <= self._dialled_until_s:
                await trio.sleep(backoff.next_delay_s())
                async with self._places:
                    await self._dial(PeerInfo(peer_id, []))
        finally:
            self._dialled.discard(peer_id)
