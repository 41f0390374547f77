"""One session about one room: both roles, as ``proto/sync.proto`` tells them.

Opened by ``p2pd.net.sync.service`` on a stream. What the store answers takes
time, so it is asked in worker threads.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import trio
from wsp.sync.v1 import sync_pb2

from p2pd.domain.names import RoomName
from p2pd.domain.reconciliation import (
    Bound,
    Item,
    ItemSet,
    Range,
    RangesError,
    first_ranges,
    next_step,
    reply_to,
)
from p2pd.net.sync.errors import SyncAbuseError
from p2pd.net.sync.frames import FrameStream
from p2pd.net.sync.ranges_from_proto import (
    items_from_proto,
    proto_from_items,
    proto_from_ranges,
    ranges_from_proto,
)

MAX_ROUNDS = 48
MAX_WANTED_ITEMS = 1_000
MAX_NEEDED_ITEMS = 1_000_000
MAX_BATCH_BYTES = 256 << 10


class SyncSource(Protocol):
    """The store as a session needs it; asked in worker threads."""

    def item_set(self, room: RoomName) -> ItemSet:
        """Return the room's items."""

    def signed_bytes(self, room: RoomName, items: Sequence[Item]) -> Sequence[bytes]:
        """Return the messages of these items that are kept, as their authors signed them."""


Accept = Callable[[Sequence[bytes], frozenset[Item] | None], Awaitable[int]]
"""Verify and append messages, only those wanted where that is given; count the new ones.

Raises SyncAbuseError on a message that no honest peer would send.
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the initiator reconciles.

    Attributes:
        begin: Items from here up to ``floor`` are left out.
        newest: Of what is lacking, fetch only so many of the newest.
    """

    room: RoomName
    begin: Bound
    floor: Bound
    newest: int | None = None


@dataclass(frozen=True, slots=True)
class SessionResult:
    """What a session did.

    Attributes:
        received: Messages that were new to this node.
        sent: Messages given to the peer.
        left_out: Sequence number up to which older messages were left out; None
            where nothing was.
    """

    received: int
    sent: int
    left_out: int | None = None


async def initiate(
    frames: FrameStream, scope: Scope, source: SyncSource, accept: Accept
) -> SessionResult:
    """Lead a session: find the difference, fetch what is lacking, give what the peer lacks.

    Raises:
        SyncError: It ended before its time; what came until then is kept.
    """
    have, need = await _reconcile(frames, scope, source.item_set(scope.room))
    need.sort()
    left_out = None
    if scope.newest is not None and len(need) > scope.newest:
        left_out = need[-scope.newest - 1].seqno
        need = need[-scope.newest :]
    received = await _fetch(frames, need, accept)
    await _send_messages(frames, source, scope.room, have)
    await frames.receive()
    return SessionResult(received, len(have), left_out)


async def respond(
    frames: FrameStream,
    source: SyncSource,
    accept_in: Callable[[RoomName], Accept | None],
) -> SessionResult:
    """Follow a session that a peer leads.

    Args:
        accept_in: How to accept a room's messages; None where it is not joined.

    Raises:
        SyncError: It ended before its time; what came until then is kept.
    """
    opened = (await frames.receive()).open
    room = RoomName(opened.room)
    accept = accept_in(room)
    if accept is None:
        await frames.send(sync_pb2.Frame(done=sync_pb2.Done(reason="room_not_joined")))
        return SessionResult(0, 0)
    own = source.item_set(room)
    await _send_reply(frames, opened.ranges, own)
    received = sent = 0
    rounds = 1
    while True:
        frame = await frames.receive()
        match frame.WhichOneof("frame"):
            case "ranges" if rounds < MAX_ROUNDS:
                rounds += 1
                await _send_reply(frames, frame.ranges, own)
            case "want":
                wanted = _wanted(frame.want)
                sent += len(wanted)
                await _send_messages(frames, source, room, wanted)
            case "messages":
                received += await accept(frame.messages.messages, None)
                if frame.messages.last:
                    await frames.send(sync_pb2.Frame(done=sync_pb2.Done()))
                    return SessionResult(received, sent)
            case _:
                raise SyncAbuseError("sync_frame_unexpected")


async def _reconcile(
    frames: FrameStream, scope: Scope, own: ItemSet
) -> tuple[list[Item], list[Item]]:
    have: list[Item] = []
    need: list[Item] = []
    ranges = await trio.to_thread.run_sync(first_ranges, own, scope.begin, scope.floor)
    opened = sync_pb2.Open(room=scope.room, ranges=proto_from_ranges(ranges))
    await frames.send(sync_pb2.Frame(open=opened))
    for _ in range(MAX_ROUNDS):
        answer = _expect_ranges(await frames.receive())
        if not answer:
            return have, need
        try:
            outcome = await trio.to_thread.run_sync(next_step, answer, own)
        except RangesError:
            raise SyncAbuseError("sync_ranges_malformed") from None
        have.extend(outcome.have)
        need.extend(outcome.need)
        if len(need) > MAX_NEEDED_ITEMS:
            raise SyncAbuseError("sync_too_many_items")
        if not outcome.reply:
            return have, need
        await frames.send(sync_pb2.Frame(ranges=proto_from_ranges(outcome.reply)))
    raise SyncAbuseError("sync_too_many_rounds")


async def _fetch(frames: FrameStream, need: Sequence[Item], accept: Accept) -> int:
    received = 0
    for at in range(0, len(need), MAX_WANTED_ITEMS):
        wanted = need[at : at + MAX_WANTED_ITEMS]
        await frames.send(sync_pb2.Frame(want=sync_pb2.Want(items=proto_from_items(wanted))))
        outstanding = frozenset(wanted)
        while True:
            frame = await frames.receive()
            if frame.WhichOneof("frame") != "messages":
                raise SyncAbuseError("sync_frame_unexpected")
            received += await accept(frame.messages.messages, outstanding)
            if frame.messages.last:
                break
    return received


async def _send_messages(
    frames: FrameStream, source: SyncSource, room: RoomName, items: Sequence[Item]
) -> None:
    for at in range(0, len(items), MAX_WANTED_ITEMS):
        wanted = items[at : at + MAX_WANTED_ITEMS]
        found = await trio.to_thread.run_sync(source.signed_bytes, room, wanted)
        for batch in _batches(found):
            await frames.send(sync_pb2.Frame(messages=sync_pb2.Messages(messages=batch)))
    await frames.send(sync_pb2.Frame(messages=sync_pb2.Messages(last=True)))


async def _send_reply(frames: FrameStream, ranges: sync_pb2.Ranges, own: ItemSet) -> None:
    asked = ranges_from_proto(ranges)
    try:
        reply: tuple[Range, ...] = await trio.to_thread.run_sync(reply_to, asked, own)
    except RangesError:
        raise SyncAbuseError("sync_ranges_malformed") from None
    await frames.send(sync_pb2.Frame(ranges=proto_from_ranges(reply)))


def _expect_ranges(frame: sync_pb2.Frame) -> tuple[Range, ...]:
    if frame.WhichOneof("frame") != "ranges":
        raise SyncAbuseError("sync_frame_unexpected")
    return ranges_from_proto(frame.ranges)


def _wanted(want: sync_pb2.Want) -> tuple[Item, ...]:
    items = items_from_proto(want.items)
    if len(items) > MAX_WANTED_ITEMS:
        raise SyncAbuseError("sync_too_many_items")
    return items


def _batches(messages: Sequence[bytes]) -> Iterator[list[bytes]]:
    batch: list[bytes] = []
    size_bytes = 0
    for message in messages:
        if batch and size_bytes + len(message) > MAX_BATCH_BYTES:
            yield batch
            batch, size_bytes = [], 0
        batch.append(message)
        size_bytes += len(message)
    if batch:
        yield batch
