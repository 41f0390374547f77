"""How much of a room's past this node wants, and what it has of it already.

Asked by synchronisation before each session and told after it. A member wants
everything since it joined, as long as it is kept; one who has just joined wants
some of what was before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Never

import trio

from p2pd.app.roombook import RoomBook
from p2pd.domain.messages import EARLIEST_SEND_TIME_NS
from p2pd.domain.names import RoomName
from p2pd.domain.reconciliation import Item
from p2pd.net.sync import Scope, SessionResult

BEGIN = Item(EARLIEST_SEND_TIME_NS, b"")
"""Below it, sequence numbers are counters: they tell no time and are always compared."""


class History:
    """What to fetch, room by room.

    Args:
        max_age_ns: What was sent longer ago is not fetched: it is not kept either.
        newest: Messages that one who has just joined fetches at most.
    """

    def __init__(
        self, rooms: RoomBook, max_age_ns: int, newest: int, clock_ns: Callable[[], int]
    ) -> None:
        self._rooms = rooms
        self._max_age_ns = max_age_ns
        self._newest = newest
        self._clock_ns = clock_ns
        self._changed = trio.Event()

    def scope(self, room: RoomName) -> Scope:
        """Say what of a joined room to reconcile now."""
        entry = self._rooms[room]
        floor_ns = max(entry.floor_ns, self._clock_ns() - self._max_age_ns)
        newest = None if entry.is_caught_up else self._newest
        return Scope(room, BEGIN, Item(floor_ns, b""), newest)

    def synchronised(self, room: RoomName, result: SessionResult) -> None:
        """Take note of a session: what it left out is not fetched later either."""
        if room not in self._rooms or self._rooms[room].is_caught_up:
            return
        if result.left_out is not None:
            self.raise_floor(room, result.left_out + 1)
        self._rooms[room].is_caught_up = result.received > 0
        self._changed.set()

    def raise_floor(self, room: RoomName, floor_ns: int) -> None:
        """Fetch nothing any more that was sent before."""
        if room in self._rooms and floor_ns > self._rooms[room].floor_ns:
            self._rooms[room].floor_ns = floor_ns
            self._changed.set()

    async def run(self) -> Never:
        """Keep what is known over a restart; ends by cancellation."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            await trio.to_thread.run_sync(self._rooms.save)
