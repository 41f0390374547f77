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
class _Turn:
    """What was done with one peer in one room."""

    led_at_s: float = float("-inf")
    seek_at_s: float = float("-inf")
    seek_wait_s: float = FIRST_SEEK_WAIT_S


class PeerSchedule:
    """The turns of all peers in all rooms; times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._turns: dict[tuple[PeerId, RoomName], _Turn] = {}

    def next_peers(self, room: RoomName, peers: Iterable[PeerId], count: int) -> list[PeerId]:
        """Choose the peers that waited longest, by chance where they waited alike."""
        return sorted(peers, key=lambda peer_id: (self._led_at(peer_id, room), random.random()))[
            :count
        ]

    def seeks(self, peer_id: PeerId, room: RoomName, now_s: float) -> bool:
        """Tell whether to ask a peer for the past; less and less often where it has none."""
        turn = self._turns.get((peer_id, room))
        return turn is None or now_s >= turn.seek_at_s

    def led(self, peer_id: PeerId, room: RoomName, now_s: float) -> None:
        """Note that a session with a peer begins."""
        self._turns.setdefault((peer_id, room), _Turn()).led_at_s = now_s

    def sought(self, peer_id: PeerId, room: RoomName, received: int, now_s: float) -> None:
        """Note what asking for the past has brought."""
        turn = self._turns.setdefault((peer_id, room), _Turn())
        doubled_s = min(2 * turn.seek_wait_s, LAST_SEEK_WAIT_S)
        turn.seek_wait_s = FIRST_SEEK_WAIT_S if received else doubled_s
        turn.seek_at_s = now_s + (0.0 if received else turn.seek_wait_s)

    def forget_room(self, room: RoomName) -> None:
        """Forget a room that was left."""
        self.keep(room, frozenset())

    def keep(self, room: RoomName, peers: frozenset[PeerId]) -> None:
        """Forget the peers that are not in a room any more."""
        gone = [key for key in self._turns if key[1] == room and key[0] not in peers]
        for key in gone:
            del self._turns[key]

    def _led_at(self, peer_id: PeerId, room: RoomName) -> float:
        turn = self._turns.get((peer_id, room))
        return turn.led_at_s if turn else float("-inf")
