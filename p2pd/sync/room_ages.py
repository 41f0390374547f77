"""How long ago each room was compared with another node, and since when it lacks messages.

Filled by ``p2pd.sync.service``, shown as metrics. Bounded by the joined rooms. Times are
seconds of a monotonic clock.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from p2pd.domain.names import RoomName


@dataclass(frozen=True, slots=True)
class RoomAge:
    """One room at one moment.

    Attributes:
        age_s: Since a session last left nothing to fetch, or since the room was joined.
        lag_s: Since a session first left something to fetch; 0 where the last one did not.
        peer_count: Peers in the room that synchronise.
    """

    room: RoomName
    age_s: float
    lag_s: float
    peer_count: int


@dataclass(slots=True)
class _Record:
    compared_at_s: float
    lacks_since_s: float | None = None


class RoomAges:
    """The joined rooms."""

    def __init__(self) -> None:
        self._records: dict[RoomName, _Record] = {}

    def keep(self, rooms: Collection[RoomName], now_s: float) -> None:
        """Begin with the rooms that are joined and new, and forget those that are not joined."""
        for room in self._records.keys() - rooms:
            del self._records[room]
        for room in rooms:
            self._records.setdefault(room, _Record(now_s))

    def compared(self, room: RoomName, is_complete: bool, now_s: float) -> None:
        """Record how a session of a room has ended."""
        record = self._records.setdefault(room, _Record(now_s))
        if is_complete:
            record.compared_at_s, record.lacks_since_s = now_s, None
        elif record.lacks_since_s is None:
            record.lacks_since_s = now_s

    def age_of(self, room: RoomName, peer_count: int, now_s: float) -> RoomAge:
        """Return how a room stands now."""
        record = self._records.get(room) or _Record(now_s)
        lag_s = 0.0 if record.lacks_since_s is None else now_s - record.lacks_since_s
        return RoomAge(room, now_s - record.compared_at_s, lag_s, peer_count)
