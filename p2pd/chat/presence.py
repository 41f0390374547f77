"""Peers that come and go, appended to the log in an order that readers can rely on.

The layers of the network find things out each in its own time. Here a peer is
connected before it is in a room, and leaves its rooms before it is gone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from p2pd.domain.events import PeerConnected, PeerDisconnected, PeerJoined, PeerLeft
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.peers import Peer
from p2pd.log.log import Log


class Presence:
    """Listen to the network and append to the log; called in the trio thread.

    Args:
        room_filled: Called when a peer has come into a room.
        peer_met: Called with each peer that shares a room.

    Attributes:
        on_identified: Called with each connected peer whose protocols are known, again
            whenever they or its connection change.
        on_gone: Called with each peer that is connected no more.
        on_connected: Called with each peer that is connected; must not raise.
    """

    def __init__(
        self,
        log: Log,
        room_filled: Callable[[RoomName], None],
        peer_met: Callable[[Peer], None],
    ) -> None:
        self.on_identified: list[Callable[[Peer], None]] = []
        self.on_gone: list[Callable[[PeerId], None]] = []
        self._log = log
        self._room_filled = room_filled
        self._peer_met = peer_met
        self.on_connected: list[Callable[[PeerId], None]] = []

    def peer_connected(self, peer: Peer) -> None:
        """Emit a new peer, then the rooms it is in."""
        self._log.emit(PeerConnected(replace(peer, rooms=())))
        for room in peer.rooms:
            self.peer_joined(peer.peer_id, room)
        for call in self.on_connected:
            call(peer.peer_id)

    def peer_identified(self, peer: Peer) -> None:
        """Emit a connected peer again, now with its agent, protocols or other connection."""
        known = self._log.state.peers.get(peer.peer_id)
        if known is not None:
            self._log.emit(PeerConnected(replace(peer, rooms=known.rooms)))
        for report in self.on_identified:
            report(peer)

    def peer_disconnected(self, peer_id: PeerId) -> None:
        """Emit that a peer left its rooms and is gone."""
        known = self._log.state.peers.get(peer_id)
        if known is None:
            return
        for room in known.rooms:
            self._log.emit(PeerLeft(peer_id, room))
        self._log.emit(PeerDisconnected(peer_id))
        for report in self.on_gone:
            report(peer_id)

    def peer_joined(self, peer_id: PeerId, room: RoomName) -> None:
        """Emit that a connected peer is in a room, once."""
        known = self._log.state.peers.get(peer_id)
        if known is not None and room not in known.rooms:
            self._log.emit(PeerJoined(peer_id, room))
            self._peer_met(known)
        self._room_filled(room)

    def peer_left(self, peer_id: PeerId, room: RoomName) -> None:
        """Emit that a connected peer is no longer in a room, once."""
        known = self._log.state.peers.get(peer_id)
        if known is not None and room in known.rooms:
            self._log.emit(PeerLeft(peer_id, room))

    def room_left(self, room: RoomName) -> None:
        """Emit that no peer is in a room any more that this node has left."""
        for peer_id in self._log.state.peers:
            self.peer_left(peer_id, room)
