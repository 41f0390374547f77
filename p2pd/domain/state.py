"""The present state of a node, folded from its facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import assert_never

from p2pd.domain.events import (
    Fact,
    Gap,
    MessageDelivery,
    MessageHidden,
    NodeChanged,
    PeerBlocked,
    PeerConnected,
    PeerDisconnected,
    PeerJoined,
    PeerLeft,
    ProfileChanged,
    ReadMarkerChanged,
    RoomMuted,
    Snapshot,
)
from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.peers import Node, Peer
from p2pd.domain.sizes import MAX_ITEMS_BYTES, size_of_node, size_of_peer


@dataclass(frozen=True, slots=True)
class State:
    """The node and its connected peers at one moment."""

    node: Node
    peers: Mapping[PeerId, Peer]

    def snapshot(
        self, max_bytes: int = MAX_ITEMS_BYTES
    ) -> tuple[Snapshot, tuple[PeerConnected, ...]]:
        """Return the state as events of at most ``max_bytes`` each, peers in order of their ids.

        Returns:
            The snapshot, and an event for each peer that it has no room for.
        """
        peers = [self.peers[key] for key in sorted(self.peers)]
        sizes = accumulate(map(size_of_peer, peers), initial=size_of_node(self.node))
        fitting = sum(1 for size_bytes in sizes if size_bytes <= max_bytes) - 1
        fitting = max(0, fitting)
        snapshot = Snapshot(self.node, tuple(peers[:fitting]), len(peers))
        return snapshot, tuple(map(PeerConnected, peers[fitting:]))


def state_after(state: State, fact: Fact) -> State:
    """Apply one fact; a fact about a peer that is not connected changes nothing."""
    match fact:
        case (
            Message()
            | Gap()
            | ProfileChanged()
            | ReadMarkerChanged()
            | MessageDelivery()
            | PeerBlocked()
            | MessageHidden()
            | RoomMuted()
        ):
            return state
        case NodeChanged(node):
            return replace(state, node=node)
        case PeerConnected(peer):
            return _with_peer(state, peer)
        case PeerDisconnected(peer_id):
            peers = {key: peer for key, peer in state.peers.items() if key != peer_id}
            return replace(state, peers=peers)
        case PeerJoined(peer_id, room):
            return _with_rooms(state, peer_id, add=room)
        case PeerLeft(peer_id, room):
            return _with_rooms(state, peer_id, remove=room)
        case _:
            assert_never(fact)


def _with_rooms(
    state: State,
    peer_id: PeerId,
    *,
    add: RoomName | None = None,
    remove: RoomName | None = None,
) -> State:
    peer = state.peers.get(peer_id)
    if peer is None:
        return state
    rooms = {room for room in (*peer.rooms, add) if room is not None and room != remove}
    return _with_peer(state, replace(peer, rooms=tuple(sorted(rooms))))


def _with_peer(state: State, peer: Peer) -> State:
    return replace(state, peers={**state.peers, peer.peer_id: peer})
