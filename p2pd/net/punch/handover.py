"""From a relayed connection to a direct one: the conversation moves, then the relay is left.

Opened by ``p2pd.net.opening``; it does not matter how the direct connection came about.
New streams take the direct connection by themselves (``NodeSwarm`` prefers it).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import structlog
import trio
from libp2p.abc import INetConn
from libp2p.peer.id import ID

from p2pd.net.connections.keepalive import close_quietly
from p2pd.net.connections.notifee import ConnectionNotifee
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.patches.swarm import is_relayed
from p2pd.tasks import attempt

GRACE_S = 10.0
"""For the peer to move what it sends, and for short streams to end."""
LOOK_EVERY_S = 0.2
OWN_PROTOCOLS = "/wsp/"

log = structlog.get_logger(__name__)

Move = Callable[[ID, bool], Awaitable[None]]


@asynccontextmanager
async def open_handover(host: NodeHost, move: Move) -> AsyncIterator[None]:
    """Move what is sent to each peer onto its best connection inside the block.

    Args:
        move: Moves gossip with a peer, if it is not there yet; called with whether the peer
            reads two streams at once.
    """
    async with trio.open_nursery() as nursery:
        handover = _Handover(host, move, nursery)
        notifee = ConnectionNotifee(handover.opened, lambda _: None)
        host.get_network().register_notifee(notifee)
        try:
            yield
        finally:
            host.get_network().remove_notifee(notifee)
            nursery.cancel_scope.cancel()


class _Handover:
    """One task a peer that has both kinds of connections."""

    def __init__(self, host: NodeHost, move: Move, nursery: trio.Nursery) -> None:
        self._host = host
        self._move = move
        self._nursery = nursery
        self._moving: set[ID] = set()

    def opened(self, connection: INetConn) -> None:
        peer_id = connection.muxed_conn.peer_id
        if peer_id not in self._moving and self._has_both(peer_id):
            self._moving.add(peer_id)
            self._nursery.start_soon(attempt, "handover", partial(self._hand_over, peer_id))

    async def _hand_over(self, peer_id: ID) -> None:
        try:
            with trio.move_on_after(GRACE_S):
                while self._has_both(peer_id):
                    await self._move_if_known(peer_id)
                    await trio.sleep(LOOK_EVERY_S)
        finally:
            self._moving.discard(peer_id)
        if self._has_both(peer_id):
            for each in self._open(peer_id):
                if is_relayed(each):
                    await close_quietly(each)

    async def _move_if_known(self, peer_id: ID) -> None:
        """Move gossip once the peer has said which program it is."""
        identity = self._host.identity_of(peer_id)
        if identity is None:
            return
        is_overlapping = any(name.startswith(OWN_PROTOCOLS) for name in identity.protocols)
        try:
            await self._move(peer_id, is_overlapping)
        # Boundary: the direct connection may break again; while both stand, the next look
        # tries once more.
        except Exception as error:
            log.debug("gossip not moved", peer_id=str(peer_id), error=repr(error))

    def _has_both(self, peer_id: ID) -> bool:
        return {is_relayed(each) for each in self._open(peer_id)} == {True, False}

    def _open(self, peer_id: ID) -> list[INetConn]:
        return [each for each in self._host.swarm.get_connections(peer_id) if not each.is_closed]
