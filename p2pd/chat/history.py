"""How much of a room's past this node wants, and what it has of it already.

Asked by synchronisation before each session, which reports to it afterwards. A
member wants everything since it joined, as long as it is stored; one that has
just joined wants some of what was before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from p2pd.chat.membership import Membership
from p2pd.domain.items import Item
from p2pd.domain.messages import EARLIEST_SEND_TIME_NS
from p2pd.domain.names import RoomName
from p2pd.domain.records import Conversation, Direct
from p2pd.log.log import Log
from p2pd.store.message_store import Dropped
from p2pd.sync import Scope, SessionResult

BEGIN = Item(EARLIEST_SEND_TIME_NS, b"")
"""Below it, sequence numbers are counters: they are no times and are always compared."""


class History:
    """What to fetch, room by room.

    Args:
        max_age_ns: What was sent longer ago is not fetched: it is not stored either.
        newest: Messages that one who has just joined fetches at most.
    """

    def __init__(
        self,
        membership: Membership,
        log: Log,
        max_age_ns: int,
        newest: int,
        clock_ns: Callable[[], int],
    ) -> None:
        self._membership = membership
        self._log = log
        self._max_age_ns = max_age_ns
        self._newest = newest
        self._clock_ns = clock_ns

    def messages_dropped(self, room: Conversation, dropped: Sequence[Dropped]) -> None:
        """Handle what retention removed: it is not to be fetched again.

        Direct messages never are. A message from a clock ahead of ours moves the floor
        no further than the time it was received, and one received while ours was ahead
        no further than the present.
        """
        if isinstance(room, Direct) or self._membership.record(room) is None:
            return
        self._log.dropped(room, dropped)
        newest_ns = max(min(one.seqno, one.receive_time_ns) for one in dropped)
        self.raise_floor(room, min(newest_ns + 1, self._clock_ns()))

    def scope(self, room: RoomName) -> Scope | None:
        """Return what of a room to reconcile now; None where it is not joined."""
        record = self._membership.record(room)
        if record is None:
            return None
        floor_ns = max(record.floor_ns, self._clock_ns() - self._max_age_ns)
        newest = None if record.is_caught_up else self._newest
        return Scope(room, BEGIN, Item(floor_ns, b""), Item(record.joined_ns, b""), newest)

    def synchronised(self, room: RoomName, result: SessionResult) -> None:
        """Handle the end of a session: what it left out is not fetched later either.

        Only of what was sent before this node joined: a peer that lies about the
        past costs that, and nothing that a member must get.
        """
        record = self._membership.record(room)
        if record is None or result.left_out is None:
            return
        self._membership.update(room, replace(record, is_caught_up=True))
        self.raise_floor(room, min(result.left_out + 1, record.joined_ns))

    def raise_floor(self, room: RoomName, floor_ns: int) -> None:
        """Fetch nothing any more that was sent before."""
        record = self._membership.record(room)
        if record is not None and floor_ns > record.floor_ns:
            self._membership.update(room, replace(record, floor_ns=floor_ns))
