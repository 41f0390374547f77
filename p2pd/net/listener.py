"""Whom the network reports peers to, and how what its parts see becomes that report.

Used by ``p2pd.net.network``; the listener is in ``p2pd.chat``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.peers import Peer
from p2pd.net.pubsub.gossip import Gossip


class NetworkListener(Protocol):
    """Whom the network reports peers to; called in the trio thread, must not raise."""

    def peer_connected(self, peer: Peer) -> None:
        """Handle a new peer, with the joined rooms it is known to be in."""

    def peer_identified(self, peer: Peer) -> None:
        """Handle a connected peer whose agent, protocols or best connection changed."""

    def peer_disconnected(self, peer_id: PeerId) -> None:
        """Handle that the last connection to a peer is gone."""

    def peer_joined(self, peer_id: PeerId, room: RoomName) -> None:
        """Handle that a peer is in a joined room."""

    def peer_left(self, peer_id: PeerId, room: RoomName) -> None:
        """Handle that a peer is no longer in a joined room."""


class RoomArrivals:
    """Report who comes into a room: the program first, then whoever asked later."""

    def __init__(self, listener: NetworkListener) -> None:
        self.reports: list[Callable[[PeerId, RoomName], None]] = []
        self._listener = listener

    def peer_joined(self, peer_id: PeerId, room: RoomName) -> None:
        """Report a peer that came into a joined room."""
        self._listener.peer_joined(peer_id, room)
        for report in self.reports:
            report(peer_id, room)

    def peer_left(self, peer_id: PeerId, room: RoomName) -> None:
        """Report a peer that left a joined room."""
        self._listener.peer_left(peer_id, room)


class PeersWithRooms:
    """Report a new peer together with the rooms that gossip has seen it in."""

    def __init__(self, listener: NetworkListener, gossip: Gossip) -> None:
        self._listener = listener
        self._gossip = gossip

    def peer_connected(self, peer: Peer) -> None:
        """Report a new peer, with its rooms."""
        peer_id = peer.peer_id
        rooms = [room for room in self._gossip.rooms if peer_id in self._gossip.peers_in(room)]
        self._listener.peer_connected(replace(peer, rooms=tuple(sorted(rooms))))

    def peer_identified(self, peer: Peer) -> None:
        """Report a peer whose agent, protocols or best connection changed."""
        self._listener.peer_identified(peer)

    def peer_disconnected(self, peer_id: PeerId) -> None:
        """Report that the last connection to a peer is gone."""
        self._listener.peer_disconnected(peer_id)
