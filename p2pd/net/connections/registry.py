"""The open connections, peer by peer, and who is called when one comes or goes.

Fed by the swarm through ``notifee``; read by every other module here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import trio
from libp2p.abc import INetConn
from libp2p.peer.id import ID

from p2pd.domain.names import PeerId
from p2pd.domain.peers import Peer


class ConnectionListener(Protocol):
    """Whom the registry reports peers to; called in the trio thread, must not raise."""

    def peer_connected(self, peer: Peer) -> None:
        """Handle a peer whose first connection is secured."""

    def peer_identified(self, peer: Peer) -> None:
        """Handle a connected peer whose agent, protocols or best connection changed."""

    def peer_disconnected(self, peer_id: PeerId) -> None:
        """Handle that a peer's last connection is gone."""


@dataclass(slots=True)
class OpenConnection:
    """One connection and what was measured on it."""

    connection: INetConn
    open_time_ns: int = field(default_factory=time.time_ns)
    opened_s: float = field(default_factory=trio.current_time)
    round_trip_s: float | None = None

    @property
    def peer_id(self) -> ID:
        """The peer at its other end."""
        return self.connection.muxed_conn.peer_id


class Registry:
    """Know each open connection, from the first to a peer until its last.

    Attributes:
        on_peer_came: Called in turn when a peer has its first connection.
        on_peer_went: Called in turn when a peer has lost its last.
        on_peer_moved: Called in turn when another connection to a connected peer has come,
            or one of several has gone.
    """

    def __init__(self) -> None:
        self.on_peer_came: list[Callable[[ID], None]] = []
        self.on_peer_went: list[Callable[[ID], None]] = []
        self.on_peer_moved: list[Callable[[ID], None]] = []
        self._by_peer: dict[ID, list[OpenConnection]] = {}

    def add(self, connection: INetConn) -> OpenConnection | None:
        """Add a new connection; None where it is known or already closed again."""
        peer_id = connection.muxed_conn.peer_id
        known = self._by_peer.get(peer_id, [])
        if connection.is_closed or any(each.connection is connection for each in known):
            return None
        opened = OpenConnection(connection)
        self._by_peer[peer_id] = [*known, opened]
        for report in self.on_peer_moved if known else self.on_peer_came:
            report(peer_id)
        return opened

    def remove(self, connection: INetConn) -> None:
        """Forget a closed connection; one that was never known is ignored."""
        peer_id = connection.muxed_conn.peer_id
        known = self._by_peer.get(peer_id, [])
        left = [each for each in known if each.connection is not connection]
        if left:
            self._by_peer[peer_id] = left
        elif known:
            del self._by_peer[peer_id]
        if left != known:
            for report in self.on_peer_moved if left else self.on_peer_went:
                report(peer_id)

    def connections_to(self, peer_id: ID) -> tuple[OpenConnection, ...]:
        """List the open connections to a peer, oldest first."""
        return tuple(self._by_peer.get(peer_id, ()))

    def all_connections(self) -> tuple[OpenConnection, ...]:
        """List the open connections to all peers."""
        return tuple(each for known in self._by_peer.values() for each in known)

    def find(self, connection: INetConn) -> OpenConnection | None:
        """Return what is known of a connection; None where it is not open."""
        known = self.connections_to(connection.muxed_conn.peer_id)
        return next((each for each in known if each.connection is connection), None)

    def __contains__(self, peer_id: ID) -> bool:
        return peer_id in self._by_peer

    def __iter__(self) -> Iterator[ID]:
        return iter(tuple(self._by_peer))
