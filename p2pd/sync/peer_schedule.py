"""Whose turn it is: with which peer to compare a room next, and whom to ask for its past.

Used by ``p2pd.sync.service``. Every peer has its turn, so a difference with any
of them is found within as many turns as there are peers.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass

from p2pd.domain.names import PeerId, RoomName

FIRST_SEEK_WAIT_S = 10.0
LAST_SEEK_WAIT_S = 3_600.0


@dataclass(slots=True)
class _PeerRecord:
    """What was done with one peer in one room."""

    initiated_at_s: float = float("-inf")
    seek_at_s: float = float("-inf")
    seek_wait_s: float = FIRST_SEEK_WAIT_S


class PeerSchedule:
    """The records of all peers in all rooms; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._records: dict[tuple[PeerId, RoomName], _PeerRecord] = {}

    def next_peers(self, room: RoomName, peers: Iterable[PeerId], count: int) -> list[PeerId]:
        """Choose the peers that waited longest, by chance where they waited alike."""
        return sorted(
            peers, key=lambda peer_id: (self._initiated_at(peer_id, room), random.random())
        )[:count]

    def seeks(self, peer_id: PeerId, room: RoomName, now_s: float) -> bool:
        """Return whether to ask a peer for the past; less and less often where it has none."""
        record = self._records.get((peer_id, room))
        return record is None or now_s >= record.seek_at_s

    def initiated(self, peer_id: PeerId, room: RoomName, now_s: float) -> None:
        """Record that this node initiates a session with a peer."""
        self._records.setdefault((peer_id, room), _PeerRecord()).initiated_at_s = now_s

    def sought(self, peer_id: PeerId, room: RoomName, received: int, now_s: float) -> None:
        """Record how many messages asking a peer for the past has brought."""
        record = self._records.setdefault((peer_id, room), _PeerRecord())
        doubled_s = min(2 * record.seek_wait_s, LAST_SEEK_WAIT_S)
        record.seek_wait_s = FIRST_SEEK_WAIT_S if received else doubled_s
        record.seek_at_s = now_s + (0.0 if received else record.seek_wait_s)

    def forget_room(self, room: RoomName) -> None:
        """Forget a room that was left."""
        self.keep(room, frozenset())

    def keep(self, room: RoomName, peers: frozenset[PeerId]) -> None:
        """Forget the peers that are not in a room any more."""
        gone = [key for key in self._records if key[1] == room and key[0] not in peers]
        for key in gone:
            del self._records[key]

    def _initiated_at(self, peer_id: PeerId, room: RoomName) -> float:
        record = self._records.get((peer_id, room))
        return record.initiated_at_s if record else float("-inf")
