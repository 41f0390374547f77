"""Dials that end with an answer: a connection counts once its peer answered a ping.

Used by ``caller_dials`` and ``background_dials``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import trio
from libp2p.abc import INetConn
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable
from multiaddr import Multiaddr

from p2pd.net.connections.keepalive import close_quietly
from p2pd.net.connections.ping import ping
from p2pd.net.connections.registry import Registry
from p2pd.net.patches.swarm import NodeSwarm

PING_TIMEOUT_S = 4.0
"""For the ping after a dial: leaves time to dial again within the deadline."""


class AnsweringDial:
    """Dial a peer until a connection answers (35): one just closed looks open for a while."""

    def __init__(self, swarm: NodeSwarm, registry: Registry) -> None:
        self._swarm = swarm
        self._registry = registry

    async def dial(
        self,
        peer_id: ID,
        addresses: Sequence[Multiaddr],
        named: Collection[Multiaddr] | None = None,
    ) -> INetConn:
        """Return a connection to a peer that answered, an open one where there is one.

        Args:
            named: Those addresses that somebody here named; None where all are.

        Raises:
            SwarmException: Nobody answered there, or not in time.
        """
        for _ in range(2):
            connection = await self._swarm.dial_addresses(peer_id, addresses, named=named)
            if await self._answers(connection):
                return connection
            await close_quietly(connection)
        raise SwarmException("the peer closes its connections at once")

    async def _answers(self, connection: INetConn) -> bool:
        try:
            with trio.fail_after(PING_TIMEOUT_S):
                round_trip_s = await ping(connection)
        except (trio.TooSlowError, MuxedConnUnavailable):
            return False
        if (opened := self._registry.find(connection)) is not None:
            opened.round_trip_s = round_trip_s
        return True
