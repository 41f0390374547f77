"""The rules of the initiator: find the difference, fetch what is lacking, give the rest.

Made by ``p2pd.sync.service`` for a stream that it has opened.
"""

from __future__ import annotations

from dataclasses import dataclass

from wsp.sync.v1 import sync_pb2

from p2pd.domain.items import Item
from p2pd.domain.rejections import RejectionReason
from p2pd.sync.errors import SyncAbuseError
from p2pd.sync.fingerprints import Fingerprints
from p2pd.sync.ranges_from_proto import proto_from_ranges, ranges_from_proto
from p2pd.sync.reconciliation import ItemSet, Outcome, RangesError, first_ranges, next_step
from p2pd.sync.scope import Scope, SessionResult
from p2pd.sync.session.effects import RoomContent, Steps, look_up, receive, send
from p2pd.sync.session.responder import MAX_ROUNDS
from p2pd.sync.session.transfer import fetch, give

MAX_FOUND_ITEMS = 20_000
"""Differences looked for in one session; the next finds the others."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a session opens with.

    Attributes:
        room_left: How many messages sent before this node joined may still be
            fetched; None: all of them.
    """

    ranges: sync_pb2.Ranges
    room_left: int | None


@dataclass(frozen=True, slots=True)
class FirstRanges:
    """What to open a session with."""

    scope: Scope

    def answer(self, content: RoomContent) -> Opening:
        """Summarise the items of this node."""
        ranges = first_ranges(content.own, self.scope.begin, self.scope.floor)
        return Opening(proto_from_ranges(ranges), _room_left(self.scope, content.own))


@dataclass(frozen=True, slots=True)
class Found:
    """The difference, as far as it was looked for.

    Attributes:
        have: Items that the peer lacks and wants.
        need: Items that this node lacks.
        left_out: See ``SessionResult.left_out``.
    """

    have: tuple[Item, ...] = ()
    need: tuple[Item, ...] = ()
    left_out: int | None = None

    def without_excess(self, scope: Scope, room_left: int | None) -> Found:
        """Leave out all but the newest of what was sent before this node joined."""
        if room_left is None:
            return self
        past = sorted(item for item in self.need if scope.floor <= item < scope.joined)
        if len(past) <= room_left:
            return self
        excess = set(past[: len(past) - room_left])
        need = tuple(item for item in self.need if item not in excess)
        left_out = max(self.left_out or 0, past[len(excess) - 1].seqno)
        return Found(self.have, need, left_out)


@dataclass(frozen=True, slots=True)
class NextRanges:
    """What ranges of the responder show, and which ranges to send next: none at the end."""

    ranges: sync_pb2.Ranges
    found: Found
    scope: Scope
    room_left: int | None
    salt: int = 0

    def answer(self, content: RoomContent) -> tuple[Found, sync_pb2.Ranges]:
        """Compare the ranges with the items of this node."""
        outcome = self._outcome(content.own)
        unwanted = range(self.ranges.unwanted_begin, self.ranges.unwanted_end)
        have = (item for item in outcome.have if item.seqno not in unwanted)
        found = Found(
            (*self.found.have, *have), self.found.need + outcome.need, self.found.left_out
        )
        reply = proto_from_ranges(outcome.reply, is_compact=bool(self.ranges.compact))
        return found.without_excess(self.scope, self.room_left), reply

    def _outcome(self, own: ItemSet) -> Outcome:
        if not self.ranges.ranges and not self.ranges.compact:
            return Outcome(())
        fingerprints = Fingerprints(self.salt if self.ranges.compact else 0)
        try:
            return next_step(ranges_from_proto(self.ranges), own, fingerprints)
        except RangesError:
            raise SyncAbuseError(RejectionReason.SYNC_RANGES_MALFORMED) from None


def initiate(scope: Scope, seeks_past: bool, salt: int = 0) -> Steps[SessionResult]:
    """Initiate a session.

    Args:
        seeks_past: Ask the peer also for what it does not want any more itself.
        salt: Random, with which the peer may shorten fingerprints; 0: it may not.

    Raises:
        SyncAbuseError: The peer breaks the rules; what came until then stays.
    """
    found, is_complete, unwanted_end = yield from _reconcile(scope, seeks_past, salt)
    received, is_fetched = yield from fetch(sorted(found.need))
    has_all = is_complete and is_fetched and found.left_out is None
    sent = yield from give(found.have, is_complete=has_all)
    if (yield from receive()).WhichOneof("frame") != "done":
        raise SyncAbuseError(RejectionReason.SYNC_FRAME_UNEXPECTED)
    left_out = found.left_out if is_fetched else None
    is_equal = is_complete and not found.have and not scope.is_displaced
    equal_from = max(scope.floor.seqno, unwanted_end) if is_equal else None
    return SessionResult(received, sent, is_complete and is_fetched, left_out, equal_from)


def _reconcile(scope: Scope, seeks_past: bool, salt: int) -> Steps[tuple[Found, bool, int]]:
    """Return the difference, whether it is all of it, and from where on the peer wants all."""
    found, unwanted_end = Found(), 0
    opening = yield from look_up(FirstRanges(scope))
    opened = sync_pb2.Open(
        room=scope.room,
        ranges=opening.ranges,
        seeks_past=seeks_past,
        salt=salt,
        floor=scope.floor.seqno,
    )
    yield from send(open=opened)
    for _ in range(MAX_ROUNDS):
        frame = yield from receive()
        if frame.WhichOneof("frame") != "ranges":
            raise SyncAbuseError(RejectionReason.SYNC_FRAME_UNEXPECTED)
        unwanted_end = max(unwanted_end, frame.ranges.unwanted_end)
        lookup = NextRanges(frame.ranges, found, scope, opening.room_left, salt)
        found, reply = yield from look_up(lookup)
        if not reply.ranges and not reply.compact:
            return found, True, unwanted_end
        if len(found.have) + len(found.need) >= MAX_FOUND_ITEMS + (opening.room_left or 0):
            break
        yield from send(ranges=reply)
    return found, False, unwanted_end


def _room_left(scope: Scope, own: ItemSet) -> int | None:
    if scope.newest is None or scope.joined <= scope.floor:
        return None
    return max(0, scope.newest - own.summary(scope.floor, scope.joined).count)
