"""Our own messages that nobody was there to take: sent when somebody comes.

They lie in the log like all others. A number a room tells up to where our own
were handed to peers (``RoomEntry.sent_until``); what is above it waits, also over
a restart. After a kill some may be sent twice; peers know them by their id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import islice
from typing import Never

import structlog
import trio

from p2pd.chat.roombook import RoomBook
from p2pd.domain.names import RoomName
from p2pd.errors import ChatError
from p2pd.store.message_store import NO_MESSAGE, Item, MessageStore

SENT_AT_ONCE = 256
"""Messages read from the log at a time."""

log_line = structlog.get_logger(__name__)

Send = Callable[[bytes], Awaitable[int]]
"""Hands a message's signed bytes to the peers of its room; returns how many took it."""


@dataclass(slots=True)
class _Sending:
    """One room.

    Attributes:
        in_flight: Sequence numbers that are being handed over, lowest first.
        early: Those handed over although earlier ones still wait.
        highest: The highest one settled.
        untaken: How many nobody took so far.
        waits: Whether something may wait; not known after a start.
    """

    in_flight: dict[int, None] = field(default_factory=dict)
    early: set[int] = field(default_factory=set)
    highest: int = 0
    untaken: int = 0
    waits: bool = True


class Waiting:
    """What waits in every joined room.

    Args:
        author_bytes: What the ids of our own messages begin with.
    """

    def __init__(self, rooms: RoomBook, store: MessageStore, author_bytes: bytes) -> None:
        self._rooms = rooms
        self._store = store
        self._author = author_bytes.hex()
        self._sendings: dict[RoomName, _Sending] = {}
        self._filled: set[RoomName] = set()
        self._wake = trio.Event()

    def begin(self, room: RoomName, seqno: int) -> None:
        """Note that a message is about to be handed over; follow with ``settle``."""
        self._sending(room).in_flight[seqno] = None

    def settle(self, room: RoomName, seqno: int, recipients: int) -> None:
        """Note how many peers took a message."""
        sending = self._sending(room)
        del sending.in_flight[seqno]
        sending.highest = max(sending.highest, seqno)
        if not recipients:
            sending.untaken += 1
            sending.waits = True
        elif sending.waits:
            sending.early.add(seqno)
            self.room_filled(room)
        self._advance(room, sending)

    def room_filled(self, room: RoomName) -> None:
        """Note that somebody came into a room."""
        if self._sending(room).waits:
            self._filled.add(room)
            self._wake.set()

    async def run(self, send: Send) -> Never:
        """Send what waits whenever a room has somebody; ends by cancellation."""
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._filled:
                room = self._filled.pop()
                try:
                    await self._send_all(room, send)
                except ChatError as error:
                    log_line.warning("waiting messages not read", room=room, error=str(error))

    async def _send_all(self, room: RoomName, send: Send) -> None:
        """Send in order until nothing waits, nobody takes it, or one is under way already."""
        sending = self._sending(room)
        while room in self._rooms:
            after, untaken = self._rooms[room].sent_until, sending.untaken
            batch = await trio.to_thread.run_sync(self._own_after, room, after)
            if not batch:
                if sending.untaken == untaken and not sending.in_flight:
                    self._done(room, sending)
                return
            for seqno, signed_bytes in batch:
                if seqno in sending.in_flight:
                    return
                if seqno not in sending.early and not await send(signed_bytes):
                    return
                sending.early.discard(seqno)
                self._note_sent(room, seqno)

    def _own_after(self, room: RoomName, seqno: int) -> list[tuple[int, bytes]]:
        """Read our own messages above a sequence number, lowest first, some of them."""
        items = self._store.items(room, Item(seqno + 1, NO_MESSAGE))
        own = (item for item in items if item.message_id.startswith(self._author))
        found = list(islice(own, SENT_AT_ONCE))
        signed = self._store.signed_bytes(room, [item.message_id for item in found])
        return [
            (item.seqno, signed[item.message_id]) for item in found if item.message_id in signed
        ]

    def _done(self, room: RoomName, sending: _Sending) -> None:
        """Note that nothing waits, so that the log is not looked through again."""
        sending.waits = False
        sending.early.clear()
        self._advance(room, sending)

    def _advance(self, room: RoomName, sending: _Sending) -> None:
        """Move a room's number on where nothing waits, up to the first that is under way."""
        if not sending.waits:
            self._note_sent(room, next(iter(sending.in_flight), sending.highest + 1) - 1)

    def _note_sent(self, room: RoomName, seqno: int) -> None:
        if room in self._rooms and seqno > self._rooms[room].sent_until:
            self._rooms[room].sent_until = seqno
            self._rooms.changed()

    def _sending(self, room: RoomName) -> _Sending:
        return self._sendings.setdefault(room, _Sending())
