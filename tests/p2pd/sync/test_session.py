"""Sessions of synchronisation, without a stream, a store, a thread or a clock."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, cast

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from wsp.sync.v1 import sync_pb2

from p2pd.domain.items import END, Fingerprint, Item
from p2pd.domain.names import RoomName
from p2pd.sync.errors import (
    SyncAbuseError,
    SyncClosedError,
    SyncLimitError,
    SyncRefusedError,
)
from p2pd.sync.ranges_from_proto import (
    MAX_RANGES,
    WANTED_DIGEST_BYTES,
    proto_from_items,
    proto_from_ranges,
)
from p2pd.sync.reconciliation import Hashed, Listed, Range, Settled
from p2pd.sync.scope import SessionResult
from p2pd.sync.session.effects import Ended, EnterRoom, Receive, Send, Steps
from p2pd.sync.session.frames import MAX_FRAME_BYTES, FrameDecoder, encode_frame
from p2pd.sync.session.initiator import FirstRanges, initiate
from p2pd.sync.session.machine import SESSION_LIMITS, SessionStateError, SyncSession
from p2pd.sync.session.responder import MAX_ROUNDS, respond
from p2pd.sync.session.transfer import MAX_WANTED_ITEMS
from tests.p2pd.sync.memory_rooms import EVERYTHING, ROOM, Link, MemoryRoom, Side, item_of

DONE = encode_frame(sync_pb2.Frame(done=sync_pb2.Done()))
LAST = encode_frame(sync_pb2.Frame(messages=sync_pb2.Messages(last=True)))
SALT = 77
PRINT = Fingerprint(b"f" * 16)


def message(number: int) -> bytes:
    return b"%d hello" % (1_000 + number)


def messages(numbers: Sequence[int] | set[int] | range) -> set[bytes]:
    return {message(number) for number in numbers}


def ranges_frame(*ranges: Range) -> bytes:
    return encode_frame(sync_pb2.Frame(ranges=proto_from_ranges(ranges)))


def open_frame(*ranges: Range, room: str = ROOM) -> bytes:
    opened = sync_pb2.Open(room=room, ranges=proto_from_ranges(ranges))
    return encode_frame(sync_pb2.Frame(open=opened))


def open_frame_raw(**fields: Any) -> bytes:
    """Open with one range made of raw fields."""
    ranges = sync_pb2.Ranges(ranges=[sync_pb2.Range(**fields)])
    return encode_frame(sync_pb2.Frame(open=sync_pb2.Open(room=ROOM, ranges=ranges)))


def compact_frame(encoded: bytes) -> bytes:
    """Open with these compact ranges."""
    ranges = sync_pb2.Ranges(compact=encoded)
    opened = sync_pb2.Open(room=ROOM, ranges=ranges, salt=SALT)
    return encode_frame(sync_pb2.Frame(open=opened))


def want_frame(*items: Item) -> bytes:
    want = sync_pb2.Want(items=proto_from_items(items, WANTED_DIGEST_BYTES))
    return encode_frame(sync_pb2.Frame(want=want))


def messages_frame(*signed: bytes, last: bool = False) -> bytes:
    return encode_frame(sync_pb2.Frame(messages=sync_pb2.Messages(messages=signed, last=last)))


def pair(
    ours: set[bytes],
    theirs: set[bytes],
    salt: int = SALT,
    responder: Callable[[], Steps[SessionResult]] = respond,
) -> tuple[Side, Side]:
    """Make both sides of a session; the first initiates it."""
    return (
        Side(initiate(EVERYTHING, seeks_past=False, salt=salt), MemoryRoom(ours)),
        Side(responder(), MemoryRoom(theirs)),
    )


def respond_as_before() -> Steps[SessionResult]:
    """Respond as the release before, which knows of no compact ranges."""
    rules = respond()
    step = next(rules)
    while True:
        answer = yield step
        if isinstance(answer, sync_pb2.Frame):
            assert not answer.ranges.compact
            if answer.WhichOneof("frame") == "open":
                answer.open.ClearField("salt")
        try:
            step = rules.send(answer)
        except StopIteration as stop:
            return cast(SessionResult, stop.value)


numbers = st.sets(st.integers(0, 300))
fates = st.dictionaries(st.integers(0, 12), st.sampled_from(["lost", "cut"]), max_size=2)


@given(
    ours=numbers,
    theirs=numbers,
    read_size=st.sampled_from([1, 7, 1_000, 1 << 16]),
    salt=st.sampled_from([0, SALT]),
    responder=st.sampled_from([respond, respond_as_before]),
)
@settings(max_examples=100)
def test_two_sessions_leave_both_sides_equal(
    ours: set[int],
    theirs: set[int],
    read_size: int,
    salt: int,
    responder: Callable[[], Steps[SessionResult]],
) -> None:
    one, other = pair(messages(ours), messages(theirs), salt, responder)
    Link(one, other, read_size).run()
    assert one.room.messages == other.room.messages == messages(ours | theirs)
    assert one.result is not None
    assert other.result is not None
    assert one.result[:4] == SessionResult(len(theirs - ours), len(ours - theirs))[:4]
    assert other.result[:4] == SessionResult(len(ours - theirs), len(theirs - ours))[:4]
    if one.result.equal_from is not None:
        assert ours <= theirs
    if other.result.equal_from is not None:
        assert theirs <= ours
    assert one.session.bytes_sent == other.session.bytes_received
    assert one.session.bytes_received == other.session.bytes_sent


@given(ours=numbers, theirs=numbers, fate=fates)
@settings(max_examples=150)
def test_whatever_frame_is_lost_or_cut_nothing_is_lost_doubled_or_left_hanging(
    ours: set[int], theirs: set[int], fate: dict[int, str]
) -> None:
    one, other = pair(messages(ours), messages(theirs))
    Link(one, other, fate=fate).run()
    for side, own, others in ((one, ours, theirs), (other, theirs, ours)):
        assert side.error is not None or side.result is not None
        assert len(side.room.accepted) == len(set(side.room.accepted))
        assert set(side.room.accepted) <= messages(others - own)
        assert side.room.messages == messages(own) | set(side.room.accepted)
        if side.result is not None and side.result.is_complete and side is one:
            assert side.room.messages >= messages(theirs)
    again, answering = pair(one.room.messages, other.room.messages)
    Link(again, answering).run()
    assert again.room.messages == answering.room.messages == messages(ours | theirs)


def test_an_initiator_that_a_frame_does_not_reach_never_calls_it_complete() -> None:
    for number in range(5):
        one, other = pair(messages(range(9)), messages(range(5, 15)))
        link = Link(one, other, fate={number: "lost"})
        link.run()
        assert link.frame_count > number
        assert one.result is None or not one.result.is_complete, number


def test_a_room_that_is_not_joined_ends_both_sides_in_order() -> None:
    one = Side(initiate(EVERYTHING, seeks_past=False), MemoryRoom(messages(range(3))))
    other = Side(respond(), MemoryRoom([], scope=None))
    Link(one, other).run()
    assert str(one.error) == "room_not_joined"
    assert isinstance(one.error, SyncRefusedError)
    assert other.result == SessionResult()


def test_of_what_was_sent_before_joining_only_the_newest_is_fetched() -> None:
    scope = replace(EVERYTHING, joined=Item(1_100, b""), newest=3)
    one = Side(initiate(scope, seeks_past=True), MemoryRoom([], scope))
    other = Side(respond(), MemoryRoom(messages(range(90, 105))))
    Link(one, other).run()
    assert one.room.messages == messages(range(97, 105))
    assert one.result is not None
    assert one.result[:4] == SessionResult(8, 0, left_out=1_096)[:4]
    assert other.result is not None
    assert other.result.equal_from is None


def test_a_session_shows_from_where_on_each_side_has_all_of_the_other() -> None:
    lower = replace(EVERYTHING, floor=Item(1_002, b""))
    higher = replace(EVERYTHING, floor=Item(1_005, b""))
    for scope, of_other in ((lower, higher), (higher, lower)):
        one = Side(initiate(scope, seeks_past=False), MemoryRoom(messages(range(10)), scope))
        other = Side(respond(), MemoryRoom(messages(range(3, 10)), of_other))
        Link(one, other).run()
        assert one.result is not None
        assert other.result is not None
        assert (one.result.equal_from, other.result.equal_from) == (1_005, 1_005)


def test_a_session_that_gave_something_shows_nothing_of_its_taker() -> None:
    scope = replace(EVERYTHING, floor=Item(1_001, b""))
    one = Side(initiate(scope, seeks_past=False), MemoryRoom(messages({2, 3, 5}), scope))
    other = Side(respond(), MemoryRoom(messages({2, 3, 4}), scope))
    Link(one, other).run()
    assert one.result is not None
    assert other.result is not None
    assert (one.result.equal_from, other.result.equal_from) == (None, None)


def test_what_the_responder_does_not_want_is_not_given() -> None:
    scope = replace(EVERYTHING, floor=Item(1_005, b""))
    one = Side(initiate(EVERYTHING, seeks_past=False), MemoryRoom(messages(range(10))))
    other = Side(respond(), MemoryRoom([], scope))
    Link(one, other).run()
    assert other.room.messages == messages(range(5, 10))


# Frames that break the rules.

AT_5, AT_6 = Item(5, b""), Item(6, b"")
OPENED = open_frame(Listed(END, ()))

TO_A_RESPONDER = {
    "no frame": (b"\x05\xff\xff\xff\xff\xff", "sync_frame_malformed"),
    "too large": (b"\x81\x80\x40", "sync_frame_too_large"),
    "endless length": (b"\xff" * 3, "sync_frame_too_large"),
    "nothing opened": (want_frame(Item(5, b"123456")), "sync_frame_unexpected"),
    "empty frame": (b"\x00", "sync_frame_unexpected"),
    "opened twice": (OPENED + OPENED, "sync_frame_unexpected"),
    "done at once": (OPENED + DONE, "sync_frame_unexpected"),
    "no ranges": (open_frame(), "sync_ranges_malformed"),
    "no end": (open_frame(Settled(AT_5)), "sync_ranges_malformed"),
    "behind the end": (open_frame(Settled(END), Settled(END)), "sync_ranges_malformed"),
    "bounds that stand": (
        open_frame(Settled(AT_5), Settled(AT_5), Settled(END)),
        "sync_ranges_malformed",
    ),
    "bounds that fall": (
        open_frame(Settled(AT_6), Hashed(AT_5, PRINT), Settled(END)),
        "sync_ranges_malformed",
    ),
    "item outside": (
        open_frame(Settled(AT_6), Listed(END, (item_of(b"5 x"),))),
        "sync_ranges_malformed",
    ),
    "long bound": (
        open_frame_raw(upper=sync_pb2.Bound(seqno=5, digest_prefix=bytes(17))),
        "sync_bound_malformed",
    ),
    "short fingerprint": (open_frame_raw(fingerprint=b"f" * 15), "sync_fingerprint_malformed"),
    "items without digest": (
        open_frame_raw(items=sync_pb2.Items(seqnos=[5])),
        "sync_items_malformed",
    ),
    "broken compact ranges": (compact_frame(b"\x03"), "sync_ranges_malformed"),
    "compact ranges cut off": (compact_frame(b"\x05ff"), "sync_ranges_malformed"),
    "long compact bound": (compact_frame(b"\x00\x99"), "sync_bound_malformed"),
    "long compact digest": (compact_frame(b"\xf8\x00"), "sync_bound_malformed"),
    "too many compact ranges": (
        compact_frame(bytes(2 * (MAX_RANGES + 1))),
        "sync_ranges_excess",
    ),
    "too many ranges": (
        open_frame(*(Settled(Item(at + 1, b"")) for at in range(MAX_RANGES)), Settled(END)),
        "sync_ranges_excess",
    ),
    "endless rounds": (OPENED + ranges_frame(Hashed(END, PRINT)) * 256, "sync_too_many_rounds"),
    "nothing asked for": (OPENED + want_frame(), "sync_wanted_count"),
    "too much asked for": (
        OPENED + want_frame(*[Item(5, b"123456")] * (MAX_WANTED_ITEMS + 1)),
        "sync_wanted_count",
    ),
    "no messages": (OPENED + messages_frame(), "sync_frame_empty"),
}


@pytest.mark.parametrize(("sent", "reason"), TO_A_RESPONDER.values(), ids=list(TO_A_RESPONDER))
def test_a_responder_names_the_rule_that_an_initiator_breaks(sent: bytes, reason: str) -> None:
    side = Side(respond(), MemoryRoom(messages(range(100))))
    side.inbox += sent
    while not side.is_waiting:
        side.step(lambda data: None, 1 << 16)
    assert isinstance(side.error, SyncAbuseError)
    assert side.error.reason == reason


def test_a_responder_answers_as_many_rounds_as_it_promises() -> None:
    side = Side(respond(), MemoryRoom(messages(range(100))))
    side.inbox += OPENED + ranges_frame(Hashed(END, PRINT)) * (MAX_ROUNDS - 1) + LAST
    while not side.is_waiting:
        side.step(lambda data: None, 1 << 16)
    assert side.result == SessionResult()


TO_AN_INITIATOR = {
    "opened by both": (OPENED, "sync_frame_unexpected"),
    "messages at once": (LAST, "sync_frame_unexpected"),
    "broken ranges": (ranges_frame(Settled(END), Settled(END)), "sync_ranges_malformed"),
    "ranges for messages": (
        ranges_frame(Listed(END, (item_of(message(5)),))) * 2,
        "sync_frame_unexpected",
    ),
    "an unwanted message": (
        ranges_frame(Listed(END, (item_of(message(5)),))) + messages_frame(message(6)),
        "sync_message_unwanted",
    ),
    "a message twice": (
        ranges_frame(Listed(END, (item_of(message(5)),))) + messages_frame(message(5)) * 2,
        "sync_message_unwanted",
    ),
    "endless messages": (
        ranges_frame(Listed(END, (item_of(message(5)),))) + messages_frame(),
        "sync_frame_empty",
    ),
    "not done": (
        ranges_frame(Listed(END, (item_of(message(5)),))) + LAST * 2,
        "sync_frame_unexpected",
    ),
}


@pytest.mark.parametrize(("sent", "reason"), TO_AN_INITIATOR.values(), ids=list(TO_AN_INITIATOR))
def test_an_initiator_names_the_rule_that_a_responder_breaks(sent: bytes, reason: str) -> None:
    side = Side(initiate(EVERYTHING, seeks_past=False), MemoryRoom([]))
    side.inbox += sent
    while not side.is_waiting:
        side.step(lambda data: None, 1 << 16)
    assert isinstance(side.error, SyncAbuseError)
    assert side.error.reason == reason


# Bounds of the machine.


def test_time_is_earned_by_bytes_up_to_a_bound() -> None:
    limits = replace(SESSION_LIMITS, grace_s=30.0, min_bytes_per_s=100, timeout_s=50.0)
    session = SyncSession(respond(), 7.0, limits)
    assert session.deadline_s == 37.0
    session.received(b"\xc8\x01" + b"x" * 98)
    assert session.deadline_s == 38.0
    with pytest.raises(SyncAbuseError):
        session.received(b"x" * 102)
    assert session.deadline_s == pytest.approx(39.02)
    assert SyncSession(respond(), 7.0, replace(limits, timeout_s=20.0)).deadline_s == 27.0


def test_what_is_sent_earns_time_only_once_it_is_written() -> None:
    session = SyncSession(initiate(EVERYTHING, seeks_past=False), 0.0)
    session.looked_up(FirstRanges(EVERYTHING).answer(MemoryRoom([])), 0.0)
    assert isinstance(session.effect, Send)
    size = len(session.effect.data)
    assert session.bytes_moved == 0
    session.sent()
    assert session.bytes_moved == size
    assert session.deadline_s > SESSION_LIMITS.grace_s


def test_more_bytes_than_the_bound_break_it_off() -> None:
    session = SyncSession(respond(), 0.0, replace(SESSION_LIMITS, max_received_bytes=len(OPENED)))
    session.received(OPENED)
    assert session.effect == EnterRoom(RoomName(ROOM))
    session = SyncSession(
        respond(), 0.0, replace(SESSION_LIMITS, max_received_bytes=len(OPENED) - 1)
    )
    with pytest.raises(SyncAbuseError, match="sync_too_many_bytes"):
        session.received(OPENED)


def test_more_worker_time_than_the_bound_ends_it_before_the_next_question() -> None:
    session = SyncSession(respond(), 0.0, replace(SESSION_LIMITS, max_worker_s=1.0))
    room = MemoryRoom([])
    session.received(OPENED)
    session.entered(EVERYTHING)
    for worker_s in (0.9, 0.2):
        session.looked_up(session.effect.answer(room), worker_s)  # type: ignore[union-attr]
        session.sent()
        assert session.effect == Receive()
        if worker_s == 0.9:
            session.received(ranges_frame(Hashed(END, PRINT)))
    with pytest.raises(SyncLimitError):
        session.received(ranges_frame(Hashed(END, PRINT)))


def test_a_stream_that_ends_is_no_end_of_a_session() -> None:
    session = SyncSession(respond(), 0.0)
    with pytest.raises(SyncClosedError):
        session.received(b"")


def test_a_reason_of_the_peer_is_cut_to_what_is_worth_a_log_line() -> None:
    session = SyncSession(respond(), 0.0)
    with pytest.raises(SyncRefusedError) as refused:
        session.received(encode_frame(sync_pb2.Frame(done=sync_pb2.Done(reason="x" * 999))))
    assert str(refused.value) == "x" * 32


def do_wrong_things() -> list[Callable[[SyncSession], None]]:
    return [
        lambda session: session.sent(),
        lambda session: session.entered(EVERYTHING),
        lambda session: session.looked_up(None, 0.0),
    ]


@pytest.mark.parametrize("do", do_wrong_things())
def test_a_runner_that_does_what_was_not_asked_for_is_told(
    do: Callable[[SyncSession], None],
) -> None:
    session = SyncSession(respond(), 0.0)
    assert session.effect == Receive()
    with pytest.raises(SessionStateError):
        do(session)


def test_an_ended_session_takes_nothing_more() -> None:
    session = SyncSession(respond(), 0.0)
    session.received(open_frame(Listed(END, ()), room="den"))
    session.entered(None)
    session.sent()
    assert session.effect == Ended(SessionResult())
    with pytest.raises(SessionStateError):
        session.received(b"more")


@given(sizes=st.lists(st.integers(0, 3_000), max_size=8), read_size=st.integers(1, 500))
def test_frames_are_decoded_however_they_are_cut(sizes: list[int], read_size: int) -> None:
    frames = [sync_pb2.Frame(messages=sync_pb2.Messages(messages=[b"x" * size])) for size in sizes]
    encoded = b"".join(encode_frame(frame) for frame in frames)
    decoder = FrameDecoder()
    decoded = []
    for at in range(0, len(encoded), read_size):
        decoder.feed(encoded[at : at + read_size])
        while (frame := decoder.next_frame()) is not None:
            decoded.append(frame)
    assert decoded == frames


def test_a_frame_may_have_its_bound_and_no_byte_more() -> None:
    decoder = FrameDecoder()
    decoder.feed(b"\x80\x80\x40")
    assert decoder.next_frame() is None
    assert MAX_FRAME_BYTES == 0x40 << 14
    decoder = FrameDecoder()
    decoder.feed(b"\x81\x80\x40")
    with pytest.raises(SyncAbuseError):
        decoder.next_frame()
