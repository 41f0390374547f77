"""One session about one room: both roles, as ``proto/sync.proto`` tells them.

Opened by ``p2pd.sync.service`` on a stream. What the store answers takes
time, so it is asked in worker threads, through ``WorkerBudget``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, Protocol

from wsp.sync.v1 import sync_pb2

from p2pd.domain.names import RoomName
from p2pd.domain.rejections import RejectionReason
from p2pd.sync.errors import SyncAbuseError
from p2pd.sync.frames import MAX_FRAME_BYTES, FrameStream
from p2pd.sync.ranges_from_proto import (
    WANTED_DIGEST_BYTES,
    items_from_proto,
    proto_from_items,
    proto_from_ranges,
    ranges_from_proto,
)
from p2pd.sync.reconciliation import (
    Bound,
    Item,
    ItemSet,
    Outcome,
    RangesError,
    first_ranges,
    next_step,
    reply_to,
)
from p2pd.sync.worker_budget import WorkerBudget

MAX_ROUNDS = 256
MAX_WANTED_ITEMS = 1_000
MAX_FOUND_ITEMS = 20_000
"""Differences looked for in one session; the next finds the others."""
MAX_FETCHED_BYTES = 64 << 20
"""Nothing more is asked for once so much has come; the next session goes on."""
FIRST_BATCH_BYTES = 16 << 10
MAX_BATCH_BYTES = 256 << 10
"""Frames begin small and double: a relay may cut the connection after 128 KiB, and only
whole frames count."""
MAX_SIGNED_BYTES = MAX_FRAME_BYTES - MAX_BATCH_BYTES - 1024


class SessionSource(Protocol):
    """What one session is about; asked in worker threads."""

    def item_set(self, room: RoomName) -> ItemSet:
        """Return the room's items."""

    def signed_bytes(self, room: RoomName, items: Sequence[Item]) -> Sequence[bytes]:
        """Return the messages of these items that are kept, as their authors signed them.

        Args:
            items: With whole digests or as much of them, the same of each.
        """


class SyncSource(SessionSource, Protocol):
    """The store as synchronisation needs it; asked in worker threads."""

    def displaced_set(self, room: RoomName) -> ItemSet:
        """Return the items of the room's displaced messages."""


class DisplacedSource:
    """The displaced messages of a source, as if they were all."""

    def __init__(self, source: SyncSource) -> None:
        self._source = source

    def item_set(self, room: RoomName) -> ItemSet:
        """Return the items of the room's displaced messages."""
        return self._source.displaced_set(room)

    def signed_bytes(self, room: RoomName, items: Sequence[Item]) -> Sequence[bytes]:
        """Return the messages of these items that are stored."""
        return self._source.signed_bytes(room, items)


Accept = Callable[[Sequence[bytes], set[Item] | None], Awaitable[int]]
"""Verify and append messages; count the new ones. With a set, only what is in it
is taken, and taken out of it.

Raises SyncAbuseError on a message that no honest peer would send.
"""


@dataclass(frozen=True, slots=True)
class Scope:
    """What this node wants of a room.

    Attributes:
        begin: Items from here up to ``floor`` are not wanted.
        joined: What is below was sent before this node joined.
        newest: How much of that it stores at most, the newest; None: all of it.
        is_displaced: Only the messages that cannot be found by their time are meant.
    """

    room: RoomName
    begin: Bound
    floor: Bound
    joined: Bound
    newest: int | None = None
    is_displaced: bool = False

    @property
    def unasked_floor(self) -> Bound:
        """From where on it takes what is given unasked."""
        return self.floor if self.newest is None else max(self.floor, self.joined)


class SessionResult(NamedTuple):
    """What a session did.

    Attributes:
        received: Messages that were new to this node.
        sent: Messages given to the peer.
        is_complete: Whether nothing was left for the next session.
        left_out: Sequence number up to which older messages were left out; None
            where nothing was.
    """

    received: int = 0
    sent: int = 0
    is_complete: bool = True
    left_out: int | None = None


async def initiate(
    frames: FrameStream,
    scope: Scope,
    seeks_past: bool,
    source: SessionSource,
    budget: WorkerBudget,
    accept: Accept,
) -> SessionResult:
    """Lead a session: find the difference, fetch what is lacking, give what the peer lacks.

    Args:
        seeks_past: Ask the peer also for what it does not want any more itself.

    Raises:
        SyncError: It ended before its time; what came until then is kept.
    """
    own = source.item_set(scope.room)
    found = await _reconcile(frames, scope, seeks_past, own, budget)
    received, is_fetched = await _fetch(frames, sorted(found.need), accept)
    sent = await _give(frames, source, budget, scope.room, found.have)
    if (await frames.receive()).WhichOneof("frame") != "done":
        raise SyncAbuseError(RejectionReason.SYNC_FRAME_UNEXPECTED)
    left_out = found.left_out if is_fetched else None
    return SessionResult(received, sent, found.is_complete and is_fetched, left_out)


async def respond(
    frames: FrameStream,
    source: SessionSource,
    budget: WorkerBudget,
    enter: Callable[[RoomName], tuple[Scope, Accept] | None],
) -> SessionResult:
    """Follow a session that a peer leads.

    Args:
        enter: What is wanted of a room, and how to accept its messages; None where
            it is not joined.

    Raises:
        SyncError: It ended before its time; what came until then is kept.
    """
    first = await frames.receive()
    if first.WhichOneof("frame") != "open":
        raise SyncAbuseError(RejectionReason.SYNC_FRAME_UNEXPECTED)
    entrance = enter(RoomName(first.open.room))
    if entrance is None:
        await frames.send(sync_pb2.Frame(done=sync_pb2.Done(reason="room_not_joined")))
        return SessionResult()
    scope, accept = entrance
    floor = scope.begin if first.open.seeks_past else scope.unasked_floor
    own = source.item_set(scope.room)

    async def answer(ranges: sync_pb2.Ranges) -> None:
        def reply() -> sync_pb2.Ranges:
            return proto_from_ranges(reply_to(ranges_from_proto(ranges), own, scope.begin, floor))

        told = await _ask_ranges(budget, reply)
        told.unwanted_begin, told.unwanted_end = scope.begin.seqno, scope.unasked_floor.seqno
        await frames.send(sync_pb2.Frame(ranges=told))

    await answer(first.open.ranges)
    received = sent = 0
    rounds = 1
    while True:
        frame = await frames.receive()
        match frame.WhichOneof("frame"):
            case "ranges":
                rounds += 1
                if rounds > MAX_ROUNDS:
                    raise SyncAbuseError(RejectionReason.SYNC_TOO_MANY_ROUNDS)
                await answer(frame.ranges)
            case "want":
                wanted = _wanted(frame.want)
                sent += await _give(frames, source, budget, scope.room, wanted)
            case "messages":
                received += await accept(_some(frame.messages), None)
                if frame.messages.last:
                    await frames.send(sync_pb2.Frame(done=sync_pb2.Done()))
                    return SessionResult(received, sent)
            case _:
                raise SyncAbuseError(RejectionReason.SYNC_FRAME_UNEXPECTED)


@dataclass(slots=True)
class _Found:
    """The difference, as far as it was looked for."""

    have: list[Item] = field(default_factory=list)
    need: list[Item] = field(default_factory=list)
    is_complete: bool = False
    left_out: int | None = None


async def _reconcile(
    frames: FrameStream, scope: Scope, seeks_past: bool, own: ItemSet, budget: WorkerBudget
) -> _Found:
    found = _Found()
    room_left = await budget.ask(lambda: _room_left(scope, own))
    ranges = await budget.ask(
        lambda: proto_from_ranges(first_ranges(own, scope.begin, scope.floor))
    )
    opened = sync_pb2.Open(room=scope.room, ranges=ranges, seeks_past=seeks_past)
    await frames.send(sync_pb2.Frame(open=opened))
    for _ in range(MAX_ROUNDS):
        frame = await frames.receive()
        if frame.WhichOneof("frame") != "ranges":
            raise SyncAbuseError(RejectionReason.SYNC_FRAME_UNEXPECTED)

        def step(told: sync_pb2.Ranges = frame.ranges) -> sync_pb2.Ranges:
            outcome = next_step(ranges_from_proto(told), own) if told.ranges else Outcome(())
            unwanted = range(told.unwanted_begin, told.unwanted_end)
            found.have += [item for item in outcome.have if item.seqno not in unwanted]
            found.need += outcome.need
            _leave_out(found, scope, room_left)
            return proto_from_ranges(outcome.reply)

        reply = await _ask_ranges(budget, step)
        if not reply.ranges:
            found.is_complete = True
            break
        if len(found.have) + len(found.need) >= MAX_FOUND_ITEMS + (room_left or 0):
            break
        await frames.send(sync_pb2.Frame(ranges=reply))
    return found


def _room_left(scope: Scope, own: ItemSet) -> int | None:
    """Count how many messages sent before this node joined may still be fetched."""
    if scope.newest is None or scope.joined <= scope.floor:
        return None
    return max(0, scope.newest - own.summary(scope.floor, scope.joined).count)


def _leave_out(found: _Found, scope: Scope, room_left: int | None) -> None:
    """Of what was sent before this node joined, keep the newest only."""
    if room_left is None:
        return
    past = sorted(item for item in found.need if scope.floor <= item < scope.joined)
    if len(past) > room_left:
        excess = set(past[: len(past) - room_left])
        found.need = [item for item in found.need if item not in excess]
        found.left_out = max(found.left_out or 0, past[len(excess) - 1].seqno)


async def _fetch(frames: FrameStream, need: Sequence[Item], accept: Accept) -> tuple[int, bool]:
    """Ask for messages; return how many were new, and whether all were given."""
    received = given = 0
    for at in range(0, len(need), MAX_WANTED_ITEMS):
        if frames.bytes_received > MAX_FETCHED_BYTES:
            break
        wanted = need[at : at + MAX_WANTED_ITEMS]
        items = proto_from_items(wanted, WANTED_DIGEST_BYTES)
        await frames.send(sync_pb2.Frame(want=sync_pb2.Want(items=items)))
        outstanding = set(wanted)
        is_last = False
        while not is_last:
            frame = await frames.receive()
            if frame.WhichOneof("frame") != "messages":
                raise SyncAbuseError(RejectionReason.SYNC_FRAME_UNEXPECTED)
            received += await accept(_some(frame.messages), outstanding)
            is_last = frame.messages.last
        given += len(wanted) - len(outstanding)
    return received, given == len(need)


async def _give(
    frames: FrameStream,
    source: SessionSource,
    budget: WorkerBudget,
    room: RoomName,
    items: Sequence[Item],
) -> int:
    """Send the messages that are still kept; return how many."""
    sent = 0
    sizes = _batch_sizes()
    for at in range(0, len(items), MAX_WANTED_ITEMS):
        wanted = items[at : at + MAX_WANTED_ITEMS]
        found = await budget.ask(partial(source.signed_bytes, room, wanted))
        for batch in _batches(found, sizes):
            await frames.send(sync_pb2.Frame(messages=sync_pb2.Messages(messages=batch)))
            sent += len(batch)
    await frames.send(sync_pb2.Frame(messages=sync_pb2.Messages(last=True)))
    return sent


async def _ask_ranges(budget: WorkerBudget, step: Callable[[], sync_pb2.Ranges]) -> sync_pb2.Ranges:
    try:
        return await budget.ask(step)
    except RangesError:
        raise SyncAbuseError(RejectionReason.SYNC_RANGES_MALFORMED) from None


def _some(messages: sync_pb2.Messages) -> Sequence[bytes]:
    """Return a frame's messages; only the last may have none."""
    if not messages.messages and not messages.last:
        raise SyncAbuseError(RejectionReason.SYNC_FRAME_EMPTY)
    return messages.messages


def _wanted(want: sync_pb2.Want) -> tuple[Item, ...]:
    items = items_from_proto(want.items, WANTED_DIGEST_BYTES)
    if not 0 < len(items) <= MAX_WANTED_ITEMS:
        raise SyncAbuseError(RejectionReason.SYNC_WANTED_COUNT)
    return items


def _batch_sizes() -> Iterator[int]:
    """Yield how many bytes each frame of a session may have."""
    size_bytes = FIRST_BATCH_BYTES
    while True:
        yield size_bytes
        size_bytes = min(2 * size_bytes, MAX_BATCH_BYTES)


def _batches(messages: Iterable[bytes], sizes: Iterator[int]) -> Iterator[list[bytes]]:
    """Group messages for one frame each; one that fits no frame is left out."""
    batch: list[bytes] = []
    size_bytes, max_bytes = 0, next(sizes)
    for message in messages:
        if len(message) > MAX_SIGNED_BYTES:
            continue
        if batch and size_bytes + len(message) > max_bytes:
            yield batch
            batch, size_bytes, max_bytes = [], 0, next(sizes)
        batch.append(message)
        size_bytes += len(message)
    if batch:
        yield batch
