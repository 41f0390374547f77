"""The rules of the responder: answer ranges, give what is wanted, accept what is given.

Made by ``p2pd.sync.service`` for a stream that a peer has opened.
"""

from __future__ import annotations

from dataclasses import dataclass

from wsp.sync.v1 import sync_pb2

from p2pd.domain.items import Bound
from p2pd.domain.names import RoomName
from p2pd.domain.rejections import RejectionReason
from p2pd.sync.errors import SyncAbuseError
from p2pd.sync.fingerprints import Fingerprints
from p2pd.sync.ranges_from_proto import proto_from_ranges, ranges_from_proto
from p2pd.sync.reconciliation import RangesError, reply_to
from p2pd.sync.scope import Scope, SessionResult
from p2pd.sync.session.effects import (
    RoomContent,
    Steps,
    accept,
    enter_room,
    look_up,
    receive,
    send,
)
from p2pd.sync.session.transfer import give, messages_of, wanted_items

MAX_ROUNDS = 256


@dataclass(frozen=True, slots=True)
class RangesReply:
    """What to reply to ranges of the initiator.

    Attributes:
        floor: Items from ``scope.begin`` up to here are settled.
        salt: See ``Open.salt``.
    """

    ranges: sync_pb2.Ranges
    scope: Scope
    floor: Bound
    salt: int = 0

    def answer(self, content: RoomContent) -> sync_pb2.Ranges:
        """Compare the ranges with the items of this node."""
        theirs = ranges_from_proto(self.ranges)
        try:
            ours = reply_to(
                theirs, content.own, self.scope.begin, self.floor, Fingerprints(self.salt)
            )
        except RangesError:
            raise SyncAbuseError(RejectionReason.SYNC_RANGES_MALFORMED) from None
        reply = proto_from_ranges(ours, is_compact=bool(self.salt))
        reply.unwanted_begin = self.scope.begin.seqno
        reply.unwanted_end = self.scope.unasked_floor.seqno
        return reply


def respond() -> Steps[SessionResult]:
    """Respond to a session that a peer initiates.

    Raises:
        SyncAbuseError: The peer breaks the rules; what came until then stays.
    """
    first = yield from receive()
    if first.WhichOneof("frame") != "open":
        raise SyncAbuseError(RejectionReason.SYNC_FRAME_UNEXPECTED)
    scope = yield from enter_room(RoomName(first.open.room))
    if scope is None:
        yield from send(done=sync_pb2.Done(reason="room_not_joined"))
        return SessionResult()
    floor = scope.begin if first.open.seeks_past else scope.unasked_floor
    yield from _answer_ranges(first.open.ranges, scope, floor, first.open.salt)
    received = sent = 0
    rounds = 1
    while True:
        frame = yield from receive()
        match frame.WhichOneof("frame"):
            case "ranges":
                rounds += 1
                if rounds > MAX_ROUNDS:
                    raise SyncAbuseError(RejectionReason.SYNC_TOO_MANY_ROUNDS)
                yield from _answer_ranges(frame.ranges, scope, floor, first.open.salt)
            case "want":
                sent += yield from give(wanted_items(frame.want))
            case "messages":
                accepted = yield from accept(messages_of(frame.messages), None)
                received += accepted.new_count
                if frame.messages.last:
                    yield from send(done=sync_pb2.Done())
                    is_equal = frame.messages.is_complete and first.open.floor and not sent
                    is_equal = is_equal and not scope.is_displaced
                    equal_from = max(floor.seqno, first.open.floor) if is_equal else None
                    return SessionResult(received, sent, equal_from=equal_from)
            case _:
                raise SyncAbuseError(RejectionReason.SYNC_FRAME_UNEXPECTED)


def _answer_ranges(ranges: sync_pb2.Ranges, scope: Scope, floor: Bound, salt: int) -> Steps[None]:
    reply = yield from look_up(RangesReply(ranges, scope, floor, salt))
    yield from send(ranges=reply)
