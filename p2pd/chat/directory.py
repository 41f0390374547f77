"""The node, its peers and its rooms as callers see them: frozen views, made when asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import Never

import trio

from p2pd.chat.membership import Membership
from p2pd.chat.shown import Shown
from p2pd.domain.events import NodeChanged
from p2pd.domain.names import RoomName
from p2pd.domain.peers import Node, Peer
from p2pd.domain.rooms import Room
from p2pd.errors import RoomNotJoinedError
from p2pd.log.log import Log
from p2pd.net.network import Network

NODE_CHECK_INTERVAL_S = 5.0


class Directory:
    """Look at the log's state, the network and the joined rooms together."""

    def __init__(self, log: Log, network: Network, membership: Membership, shown: Shown) -> None:
        self._log = log
        self._shown = shown
        self._network = network
        self._membership = membership

    def node(self) -> Node:
        """Return who and where this node is."""
        return replace(
            self._log.state.node,
            addresses=self._network.addresses(),
            rooms=self._membership.joined,
            storage=self._log.store.storage,
            warnings=self._network.warnings(),
            reach=self._network.reach(),
        )

    def peers(self, room: RoomName | None) -> tuple[Peer, ...]:
        """List the connected peers, or those in one room, by id.

        Raises:
            RoomNotJoinedError: The room is not joined.
        """
        if room is not None and room not in self._membership:
            raise RoomNotJoinedError(room)
        peers = [self.with_rooms(peer) for peer in self._network.peers()]
        return tuple(
            peer
            for peer in sorted(peers, key=lambda peer: peer.peer_id)
            if room is None or room in peer.rooms
        )

    def rooms(self) -> tuple[Room, ...]:
        """List the joined rooms by name."""
        return tuple(map(self.room, self._membership.joined))

    def room(self, room: RoomName) -> Room:
        """Describe a room."""
        return Room(
            room,
            len(self._network.peers_in(room)),
            self._log.store.count(room),
            self._shown.is_muted(room),
        )

    def with_rooms(self, peer: Peer) -> Peer:
        """Add the joined rooms that a peer is in."""
        joined = self._membership.joined
        rooms = (room for room in joined if peer.peer_id in self._network.peers_in(room))
        return replace(peer, rooms=tuple(rooms))

    def emit_node_changed(self) -> None:
        """Emit the node itself, where it has changed."""
        node = self.node()
        if node != self._log.state.node:
            self._log.emit(NodeChanged(node))

    async def run(self) -> Never:
        """Emit changes of addresses, reach and storage; ends by cancellation."""
        while True:
            self.emit_node_changed()
            await trio.sleep(NODE_CHECK_INTERVAL_S)
