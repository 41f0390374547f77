"""How much of a room's past this node wants, and what it has of it already.

Asked by synchronisation before each session and told after it. A member wants
everything since it joined, as long as it is kept; one who has just joined wants
some of what was before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p2pd.chat.roombook import RoomBook
from p2pd.domain.messages import EARLIEST_SEND_TIME_NS
from p2pd.domain.names import RoomName
from p2pd.log.log import Log
from p2pd.store.message_store import Dropped
from p2pd.sync import Scope, SessionResult
from p2pd.sync.reconciliation import Item

BEGIN = Item(EARLIEST_SEND_TIME_NS, b"")
"""Below it, sequence numbers are counters: they tell no time and are always compared."""


class History:
    """What to fetch, room by room.

    Args:
        max_age_ns: What was sent longer ago is not fetched: it is not kept either.
        newest: Messages that one who has just joined fetches at most.
    """

    def __init__(
        self,
        rooms: RoomBook,
        log: Log,
        max_age_ns: int,
        newest: int,
        clock_ns: Callable[[], int],
    ) -> None:
        self._rooms = rooms
        self._log = log
        self._max_age_ns = max_age_ns
        self._newest = newest
        self._clock_ns = clock_ns

    def messages_dropped(self, room: RoomName, dropped: Sequence[Dropped]) -> None:
        """Take note of what retention let go: it is not to be fetched again.

        A message from a clock ahead of ours moves the floor no further than the
        time it was received.
        """
        self._log.dropped(room, dropped)
        newest_ns = max(min(one.seqno, one.receive_time_ns) for one in dropped)
        self.raise_floor(room, newest_ns + 1)

    def scope(self, room: RoomName) -> Scope:
        """Say what of a joined room to reconcile now."""
        entry = self._rooms[room]
        floor_ns = max(entry.floor_ns, self._clock_ns() - self._max_age_ns)
        newest = None if entry.is_caught_up else self._newest
        return Scope(room, BEGIN, Item(floor_ns, b""), Item(entry.joined_ns, b""), newest)

    def synchronised(self, room: RoomName, result: SessionResult) -> None:
        """Take note of a session: what it left out is not fetched later either.

        Only of what was sent before this node joined: a peer that lies about the
        past costs that, and nothing that a member must get.
        """
        if room not in self._rooms or result.left_out is None:
            return
        entry = self._rooms[room]
        entry.is_caught_up = True
        self.raise_floor(room, min(result.left_out + 1, entry.joined_ns))
        self._rooms.changed()

    def raise_floor(self, room: RoomName, floor_ns: int) -> None:
        """Fetch nothing any more that was sent before."""
        if room in self._rooms and floor_ns > self._rooms[room].floor_ns:
            self._rooms[room].floor_ns = floor_ns
            self._rooms.changed()
