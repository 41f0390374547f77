"""Our own messages that no peer was there to receive: sent once a peer comes.

They lie in the log like all others. A number a room says up to where our own were
handed to peers (``RoomRecord.sent_until``); what is above it waits, also over a
restart. After a kill some may be sent twice; peers know them by their id.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from typing import Never

import trio

from p2pd.chat.courier import Signed
from p2pd.chat.membership import Membership
from p2pd.domain.names import RoomName
from p2pd.net.direct import SignedDirect
from p2pd.net.pubsub.gossip import SignedMessage
from p2pd.store.message_store import NO_MESSAGE, MessageStore, OrderKey
from p2pd.tasks import attempt
from p2pd.workers import WORKER_THREADS, Workers

SENT_AT_ONCE = 256
"""Messages read from the log at a time."""

Send = Callable[[bytes], Awaitable[int]]
"""Hands a message's signed bytes to the peers of its room; returns how many took it."""


@dataclass(slots=True)
class _RoomOutbox:
    """One room.

    Attributes:
        in_flight: Sequence numbers that are being handed over, lowest first.
        early: Those handed over although earlier ones still wait.
        highest: The highest one handed over, or tried.
        untaken: How many no peer took so far.
        unsent: How many wait for a peer, as far as is known.
        waits: Whether something may wait; not known after a start.
    """

    in_flight: dict[int, None] = field(default_factory=dict)
    early: set[int] = field(default_factory=set)
    highest: int = 0
    untaken: int = 0
    unsent: int = 0
    waits: bool = True


class Outbox:
    """What waits in every joined room.

    Args:
        author_bytes: What the ids of our own messages begin with.
        deliver: Called with messages to single peers.
        workers: Where the log is read.
    """

    def __init__(
        self,
        membership: Membership,
        store: MessageStore,
        author_bytes: bytes,
        deliver: Callable[[SignedDirect], None],
        workers: Workers = WORKER_THREADS,
    ) -> None:
        self._deliver = deliver
        self._membership = membership
        self._workers = workers
        self._store = store
        self._author = author_bytes.hex()
        self._last_before = store.max_seqno(author_bytes)
        """The highest sequence number of the time before the start."""
        self._rooms: dict[RoomName, _RoomOutbox] = {}
        self._filled: set[RoomName] = set()
        self._sending: set[RoomName] = set()
        self._wake = trio.Event()

    def __len__(self) -> int:
        return len(self._rooms)

    @property
    def unsent_count(self) -> int:
        """How many messages wait for a peer, in all rooms."""
        return sum(own.unsent for own in self._rooms.values())

    @contextmanager
    def sending(self, messages: Sequence[Signed]) -> Iterator[Handover]:
        """Hand over new messages inside the block; those not handed over wait for a peer.

        Direct messages are delivered by their own outbox.
        """
        for one in messages:
            if isinstance(one, SignedDirect):
                self._deliver(one)
            else:
                self._room(one.room).in_flight[one.seqno] = None
        handover = Handover(self, messages)
        try:
            yield handover
        finally:
            handover.close()

    def handed_over(self, room: RoomName, seqno: int, recipients: int) -> None:
        """Record how many peers took a message that was in flight."""
        own = self._rooms.get(room)
        if own is None:
            return
        own.in_flight.pop(seqno, None)
        own.highest = max(own.highest, seqno)
        if not recipients:
            own.untaken += 1
            own.unsent += 1
            own.waits = True
        elif own.waits:
            own.early.add(seqno)
            self.room_filled(room)
        self._advance(room, own)

    def room_filled(self, room: RoomName) -> None:
        """Send what waits in a room: a peer came into it."""
        own = self._rooms.get(room)
        if own is None or own.waits:
            self._filled.add(room)
            self._wake.set()

    def room_left(self, room: RoomName) -> None:
        """Drop what is known of a room; what waits in it waits until it is joined again."""
        self._rooms.pop(room, None)
        self._filled.discard(room)

    async def run(self, send: Send) -> Never:
        """Send what waits whenever a room has a peer, each room for itself.

        Cancellation: what was not sent waits.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attempt, "unsent messages", self._count_unsent)
            while True:
                await self._wake.wait()
                self._wake = trio.Event()
                for room in self._filled - self._sending:
                    self._filled.discard(room)
                    self._sending.add(room)
                    send_room = partial(self._send_room, room, send)
                    nursery.start_soon(attempt, "outbox", send_room)

    async def _send_room(self, room: RoomName, send: Send) -> None:
        try:
            await self._send_all(room, send)
        finally:
            self._sending.discard(room)
            if room in self._filled:
                self._wake.set()

    async def _send_all(self, room: RoomName, send: Send) -> None:
        """Send in order until nothing waits, no peer takes it, or one is in flight already."""
        while (record := self._membership.record(room)) is not None:
            own = self._room(room)
            untaken = own.untaken
            read = partial(self._own_after, room, record.sent_until)
            batch = await self._workers.run(read)
            if not batch:
                if own.untaken == untaken and not own.in_flight:
                    self._nothing_waits(room, own)
                return
            for seqno, signed_bytes in batch:
                if seqno in own.in_flight:
                    return
                if seqno not in own.early and not await send(signed_bytes):
                    return
                if seqno in own.early:
                    own.early.discard(seqno)
                else:
                    own.unsent = max(0, own.unsent - 1)
                self._save_sent(room, seqno)

    async def _count_unsent(self) -> None:
        """Count what waits since before the start; what a peer takes meanwhile ends the count."""
        for room in self._membership.joined:
            record = self._membership.record(room)
            if record is None:
                continue
            look = partial(self._count_after, room, record.sent_until)
            count = await self._workers.run(look)
            own = self._rooms.get(room) or _RoomOutbox()
            if own.waits:
                self._room(room).unsent += count

    def _count_after(self, room: RoomName, seqno: int) -> int:
        end = OrderKey(self._last_before + 1, NO_MESSAGE)
        items = self._store.items(room, OrderKey(seqno + 1, NO_MESSAGE), end)
        return sum(item.message_id.startswith(self._author) for item in items)

    def _own_after(self, room: RoomName, seqno: int) -> list[tuple[int, bytes]]:
        """Read our own messages above a sequence number, lowest first, some of them."""
        items = self._store.items(room, OrderKey(seqno + 1, NO_MESSAGE))
        own = (item for item in items if item.message_id.startswith(self._author))
        found = list(islice(own, SENT_AT_ONCE))
        signed = self._store.signed_bytes(room, [item.message_id for item in found])
        return [
            (item.seqno, signed[item.message_id]) for item in found if item.message_id in signed
        ]

    def _nothing_waits(self, room: RoomName, own: _RoomOutbox) -> None:
        """Remember that nothing waits, so that the log is not searched again."""
        own.waits = False
        own.unsent = 0
        own.early.clear()
        self._advance(room, own)

    def _advance(self, room: RoomName, own: _RoomOutbox) -> None:
        """Move a room's number on where nothing waits, up to the first that is in flight."""
        if not own.waits:
            self._save_sent(room, next(iter(own.in_flight), own.highest + 1) - 1)

    def _save_sent(self, room: RoomName, seqno: int) -> None:
        record = self._membership.record(room)
        if record is not None and seqno > record.sent_until:
            self._membership.update(room, replace(record, sent_until=seqno))

    def _room(self, room: RoomName) -> _RoomOutbox:
        return self._rooms.setdefault(room, _RoomOutbox())


class Handover:
    """New messages on their way to peers; made by ``Outbox.sending``."""

    def __init__(self, outbox: Outbox, messages: Sequence[Signed]) -> None:
        self._outbox = outbox
        self._open = {one.message_id: one for one in messages if isinstance(one, SignedMessage)}

    def sent(self, message: Signed, recipients: int) -> None:
        """Record how many peers took a message."""
        if self._open.pop(message.message_id, None) is None:
            return
        self._outbox.handed_over(message.room, message.seqno, recipients)

    def close(self) -> None:
        """Let what was not handed over wait for a peer."""
        for one in self._open.values():
            self._outbox.handed_over(one.room, one.seqno, 0)
