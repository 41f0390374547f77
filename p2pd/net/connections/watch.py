"""Each connection from its opening to its close: compared, pinged, reported.

Fed by the swarm through ``notifee``; made by ``service``.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import trio
from libp2p.abc import INetConn
from libp2p.peer.id import ID

from p2pd.domain.names import PeerId
from p2pd.domain.peers import Connection, Peer
from p2pd.net.connections.facts import peer_from_connections
from p2pd.net.connections.identity_guard import IdentityGuard
from p2pd.net.connections.keepalive import Keepalive, close_quietly
from p2pd.net.connections.peer_log import PeerLog
from p2pd.net.connections.registry import ConnectionListener, OpenConnection, Registry
from p2pd.net.patches.basic_host import NodeHost
from p2pd.tasks import attempt, run_guarded

PROBE_WITHIN_S = 3.0
"""With the grace of the keepalive and a dial a peer is back within 5 s."""


class ConnectionWatch:
    """Receive connections from the swarm, report peers to the listener."""

    def __init__(
        self,
        host: NodeHost,
        registry: Registry,
        guard: IdentityGuard,
        listener: ConnectionListener,
        nursery: trio.Nursery,
    ) -> None:
        self._host = host
        self._registry = registry
        self._guard = guard
        self._listener = listener
        self._nursery = nursery
        self._peer_log = PeerLog(trio.current_time)
        self._keepalives: dict[INetConn, Keepalive] = {}
        self._reported: dict[ID, Connection | None] = {}
        registry.on_peer_came.append(self._peer_came)
        registry.on_peer_went.append(self._peer_went)
        registry.on_peer_moved.append(self._peer_moved)

    def opened(self, connection: INetConn) -> None:
        """Handle a new connection of the swarm."""
        if connection.muxed_conn.peer_id == self._host.get_id():
            refuse = partial(self._guard.refuse_own_identity, connection)
            self._nursery.start_soon(attempt, "own identity", refuse)
            return
        opened = self._registry.add(connection)
        if opened is not None:
            self._probe_others(opened)
            self._nursery.start_soon(attempt, "connection watch", partial(self._watch, opened))

    def closed(self, connection: INetConn) -> None:
        """Handle a closed connection of the swarm."""
        self._registry.remove(connection)

    def identified(self, peer_id: ID) -> None:
        """Handle what identify learned of a peer."""
        if peer_id in self._registry:
            self._listener.peer_identified(self.peer(peer_id))

    def _probe_others(self, newest: OpenConnection) -> None:
        """Probe the older connections to a peer that opened another: it may have moved."""
        for opened in self._registry.connections_to(newest.peer_id):
            if opened is not newest and opened.connection in self._keepalives:
                self._keepalives[opened.connection].hurry(PROBE_WITHIN_S)

    def probe_all(self) -> None:
        """Ping every connection now, and close those that do not answer within 3 s."""
        for keepalive in self._keepalives.values():
            keepalive.hurry(PROBE_WITHIN_S)

    def peer(self, peer_id: ID) -> Peer:
        """Describe a peer by its open connections."""
        return peer_from_connections(self._host, peer_id, self._registry.connections_to(peer_id))

    async def _watch(self, opened: OpenConnection) -> None:
        if await self._guard.is_of_another_program(opened.connection):
            await close_quietly(opened.connection)
        else:
            await self._keep_alive(opened)
        # The swarm reports most closes itself; one that was cut short it does not.
        self._registry.remove(opened.connection)

    async def _keep_alive(self, opened: OpenConnection) -> None:
        keepalive = Keepalive(opened)
        self._keepalives[opened.connection] = keepalive
        try:
            await run_guarded("connection keepalive", keepalive.run)
        finally:
            del self._keepalives[opened.connection]

    def _peer_came(self, peer_id: ID) -> None:
        peer = self.peer(peer_id)
        self._reported[peer_id] = peer.connection
        self._peer_log.report_connected(peer)
        self._listener.peer_connected(peer)

    def _peer_went(self, peer_id: ID) -> None:
        del self._reported[peer_id]
        name = PeerId(str(peer_id))
        self._peer_log.report_disconnected(name)
        self._listener.peer_disconnected(name)

    def _peer_moved(self, peer_id: ID) -> None:
        """Report a peer again where its best connection is another one than before."""
        peer = self.peer(peer_id)
        before = self._reported[peer_id]
        self._reported[peer_id] = peer.connection
        if _without_round_trip(peer.connection) != _without_round_trip(before):
            self._listener.peer_identified(peer)


def _without_round_trip(connection: Connection | None) -> Connection | None:
    return connection and replace(connection, round_trip_s=None)
