"""Peers whose relay has ended their connection at its limit: they are back in a moment.

Stands between the network and whoever it reports to, opened by ``p2pd.net.opening``. A
circuit that is used up is dialled again at once, every two minutes where relays are as
go-libp2p's: to a reader such a peer never went.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import trio

from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.peers import Peer
from p2pd.net.listener import NetworkListener
from p2pd.tasks import attempt

BACK_WITHIN_S = 3.0


@dataclass(slots=True)
class _Absence:
    """What is not reported yet of one peer.

    Attributes:
        wait: Ends when all of it is to be reported.
        is_gone: Whether its last connection has ended; else it has only left rooms.
    """

    wait: trio.CancelScope = field(default_factory=trio.CancelScope)
    is_gone: bool = False
    left: set[RoomName] = field(default_factory=set)


@asynccontextmanager
async def open_returning(listener: NetworkListener) -> AsyncIterator[ReturningPeers]:
    """Report to a listener inside the block, what goes on a limited circuit 3 s later."""
    async with trio.open_nursery() as nursery:
        yield ReturningPeers(listener, nursery)
        nursery.cancel_scope.cancel()


class ReturningPeers:
    """Hold back that a peer on a limited circuit has gone, and drop that if it returns.

    One entry for each connected peer on such a circuit, or gone from it for 3 s.
    """

    def __init__(self, listener: NetworkListener, nursery: trio.Nursery) -> None:
        self._listener = listener
        self._nursery = nursery
        self._limited: set[PeerId] = set()
        self._absences: dict[PeerId, _Absence] = {}

    def peer_connected(self, peer: Peer) -> None:
        """Report a new peer; one that is back, as connected in another way."""
        self._record(peer)
        absence = self._absences.get(peer.peer_id)
        if absence is None or not absence.is_gone:
            self._listener.peer_connected(peer)
            return
        absence.is_gone = False
        absence.wait.deadline = trio.current_time() + BACK_WITHIN_S
        self._listener.peer_identified(peer)
        for room in peer.rooms:
            self.peer_joined(peer.peer_id, room)

    def peer_identified(self, peer: Peer) -> None:
        """Report a connected peer of which something else is known now."""
        self._record(peer)
        self._listener.peer_identified(peer)

    def peer_disconnected(self, peer_id: PeerId) -> None:
        """Report a peer that is gone; one on a limited circuit, unless it returns."""
        if peer_id in self._limited:
            self._absence_of(peer_id).is_gone = True
        else:
            self._absences.pop(peer_id, None)
            self._listener.peer_disconnected(peer_id)

    def peer_joined(self, peer_id: PeerId, room: RoomName) -> None:
        """Report that a peer is in a room."""
        if absence := self._absences.get(peer_id):
            absence.left.discard(room)
        self._listener.peer_joined(peer_id, room)

    def peer_left(self, peer_id: PeerId, room: RoomName) -> None:
        """Report that a peer left a room; of one on a limited circuit, unless it returns."""
        if peer_id in self._limited:
            self._absence_of(peer_id).left.add(room)
        else:
            self._listener.peer_left(peer_id, room)

    def _record(self, peer: Peer) -> None:
        if peer.connection is not None and peer.connection.is_limited:
            self._limited.add(peer.peer_id)
        else:
            self._limited.discard(peer.peer_id)

    def _absence_of(self, peer_id: PeerId) -> _Absence:
        absence = self._absences.get(peer_id)
        if absence is None:
            absence = self._absences[peer_id] = _Absence()
            expire = partial(self._expire, peer_id, absence)
            self._nursery.start_soon(attempt, "returning peer", expire)
        absence.wait.deadline = trio.current_time() + BACK_WITHIN_S
        return absence

    async def _expire(self, peer_id: PeerId, absence: _Absence) -> None:
        """Report what has not been undone when its time is over."""
        with absence.wait:
            await trio.sleep_forever()
        if self._absences.get(peer_id) is not absence:
            return
        del self._absences[peer_id]
        if absence.is_gone:
            self._limited.discard(peer_id)
            self._listener.peer_disconnected(peer_id)
            return
        for room in absence.left:
            self._listener.peer_left(peer_id, room)
