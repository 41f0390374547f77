"""One session about one room: both roles, as ``proto/sync.proto`` describes them.

Opened by ``p2pd.sync.service`` on a stream. What the store answers takes
time, so it is asked in worker threads, through ``WorkerBudget``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from wsp.sync.v1 import sync_pb2

from p2pd.domain.items import Item
from p2pd.domain.names import RoomName
from p2pd.domain.rejections import RejectionReason
from p2pd.sync.errors import SyncAbuseError
from p2pd.sync.frames import FrameStream
from p2pd.sync.ranges_from_proto import proto_from_ranges, ranges_from_proto
from p2pd.sync.reconciliation import (
    ItemSet,
    Outcome,
    RangesError,
    first_ranges,
    next_step,
    reply_to,
)
from p2pd.sync.scope import Accept, Scope, SessionResult, SessionSource
from p2pd.sync.transfer import fetch, give, messages_of, wanted_items
from p2pd.sync.worker_budget import WorkerBudget

MAX_ROUNDS = 256
MAX_FOUND_ITEMS = 20_000
"""Differences looked for in one session; the next finds the others."""


async def initiate(
    frames: FrameStream,
    scope: Scope,
    seeks_past: bool,
    source: SessionSource,
    budget: WorkerBudget,
    accept: Accept,
) -> SessionResult:
    """Initiate a session: find the difference, fetch what is lacking, give what the peer lacks.

    Args:
        seeks_past: Ask the peer also for what it does not want any more itself.

    Raises:
        SyncError: It ended before its time; what came until then is kept.
    """
    own = source.item_set(scope.room)
    found = await _reconcile(frames, scope, seeks_past, own, budget)
    received, is_fetched = await fetch(frames, sorted(found.need), accept)
    sent = await give(frames, source, budget, scope.room, found.have)
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
    """Respond to a session that a peer initiates.

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
                wanted = wanted_items(frame.want)
                sent += await give(frames, source, budget, scope.room, wanted)
            case "messages":
                received += await accept(messages_of(frame.messages), None)
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


async def _ask_ranges(budget: WorkerBudget, step: Callable[[], sync_pb2.Ranges]) -> sync_pb2.Ranges:
    try:
        return await budget.ask(step)
    except RangesError:
        raise SyncAbuseError(RejectionReason.SYNC_RANGES_MALFORMED) from None
