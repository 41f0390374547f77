"""What callers read of the log: its events from a cursor on, and pages of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from p2pd.chat.membership import Membership
from p2pd.domain.names import RoomName
from p2pd.domain.records import Conversation, Direct
from p2pd.errors import NodeStoppingError, RoomNotJoinedError
from p2pd.log.log import Log, Page
from p2pd.log.reader import Reader
from p2pd.store.reads import Reads, run_read


class Feed:
    """Open readers and read pages, of joined rooms and of conversations with peers."""

    def __init__(self, log: Log, membership: Membership) -> None:
        self._log = log
        self._membership = membership
        self._is_stopping = False

    def stop(self) -> None:
        """Open no reader from now on."""
        self._is_stopping = True

    def open_reader(
        self, after: str | None, rooms: frozenset[RoomName], until: Sequence[str]
    ) -> Reader:
        """Read the log behind a cursor, to the first of some others; no rooms means all.

        Raises:
            RoomNotJoinedError: One of the rooms is not joined.
            NodeStoppingError: The node is stopping.
        """
        if self._is_stopping:
            raise NodeStoppingError
        for room in sorted(rooms):
            self._check_joined(room, "rooms")
        return self._log.open_reader(after, rooms, until)

    @property
    def reads(self) -> Reads:
        """Where readers that are behind are read."""
        return self._log.store.reads

    async def page(
        self, conversation: Conversation, *, before: str | None, after: str | None, limit: int
    ) -> Page:
        """Read stored messages of a joined room, or of the conversation with a peer.

        Raises:
            RoomNotJoinedError: The room is not joined.
            InvalidInputError: Not a cursor.
        """
        if not isinstance(conversation, Direct):
            self._check_joined(conversation, "room")
        read = partial(self._log.page, conversation, before=before, after=after, limit=limit)
        return await run_read(self._log.store.reads, read)

    def _check_joined(self, room: RoomName, field: str) -> None:
        if room not in self._membership:
            raise RoomNotJoinedError(room, field)
