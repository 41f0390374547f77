from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

import pytest
import trio

from p2pd.domain.events import Gap, GapReason
from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM, RoomName
from p2pd.domain.records import Conversation
from p2pd.log.log import Log
from p2pd.log.reader import Entry
from p2pd.store.checkpoints import Checkpoints
from p2pd.store.memory_store import MemoryStore
from p2pd.store.message_store import Dropped, MessageStore
from p2pd.store.retention import SLICE, Retention, trim
from tests.p2pd.facts import NOW_NS
from tests.p2pd.store.stores import (
    EVERYTHING,
    LOBBY,
    BoundedLog,
    append,
    message_of,
    offsets,
    open_kind,
)

MANY = 1 << 20
HOUR_NS = 3600 * 10**9


@dataclass
class StillClock:
    now: int
    is_steady: bool = True

    def now_ns(self) -> int:
        return self.now


@pytest.fixture
def store() -> Iterator[MessageStore]:
    with open_kind("disk") as store:
        yield store


def drop(store: MessageStore, room: RoomName, count: int) -> None:
    keep = store.count(room) - count
    dropped = store.drop_oldest(room, keep=keep, received_before_ns=0, at_most=MANY)
    assert len(dropped) == count


def told(entries: Sequence[Entry]) -> list[int | Gap]:
    """Return offsets of messages and the gaps between them."""
    return [
        entry.offset if isinstance(entry.event.body, Message) else entry.event.body
        for entry in entries
        if isinstance(entry.event.body, Message | Gap)
    ]


def read_from(log: Log, offset: int, *rooms: RoomName) -> list[int | Gap]:
    return told(log.open_reader(log.cursor(offset), frozenset(rooms)).read(MANY))


def test_beyond_the_count_of_a_room_the_oldest_go(store: MessageStore) -> None:
    append(store, *range(1, 6))
    append(store, 6, room=LOBBY)
    trio.run(trim, store, Retention(max_messages=2), StillClock(NOW_NS))
    assert offsets(store.read(0, 6, MANY)) == [4, 5, 6]
    assert (store.count(DEFAULT_ROOM), store.count(LOBBY)) == (2, 1)
    assert (store.first_offset, store.last_offset) == (4, 6)


def test_what_was_received_too_long_ago_goes(store: MessageStore) -> None:
    for number in range(1, 6):
        store.append([message_of(number, receive_time_ns=NOW_NS + number * HOUR_NS)])
    now_ns = NOW_NS + 10 * HOUR_NS
    assert trio.run(trim, store, Retention(max_age_s=7 * 3600), StillClock(now_ns)) == 2
    assert offsets(store.read(0, 6, MANY)) == [3, 4, 5]


def test_while_the_clock_is_in_doubt_only_the_count_removes(store: MessageStore) -> None:
    append(store, *range(1, 6))
    clock = StillClock(NOW_NS + 1000 * HOUR_NS, is_steady=False)
    assert trio.run(trim, store, Retention(max_age_s=3600), clock) == 0
    assert trio.run(trim, store, Retention(max_age_s=3600, max_messages=3), clock) == 2
    clock.is_steady = True
    assert trio.run(trim, store, Retention(max_age_s=3600), clock) == 3


def test_what_came_while_the_clock_was_ahead_goes_with_what_followed(store: MessageStore) -> None:
    ahead = 10_000
    for number, hour in enumerate((0, ahead, ahead, 2, 5, ahead)):
        store.append([message_of(number, receive_time_ns=NOW_NS + hour * HOUR_NS)])
    retention = Retention(max_age_s=4 * 3600)
    assert trio.run(trim, store, retention, StillClock(NOW_NS + 5 * HOUR_NS)) == 1
    assert trio.run(trim, store, retention, StillClock(NOW_NS + 7 * HOUR_NS)) == 3
    assert trio.run(trim, store, retention, StillClock(NOW_NS + 10 * HOUR_NS)) == 1
    assert offsets(store.read(0, 6, MANY)) == [6]


def test_what_is_dropped_is_gone_from_every_view(store: MessageStore) -> None:
    store.append([message_of(number, client_message_id=f"c{number}") for number in range(1, 6)])
    drop(store, DEFAULT_ROOM, 3)
    gone = [message_of(number).message_id for number in (1, 2, 3)]
    assert [store.offset_of(one) for one in gone] == [None] * 3
    assert store.answer_of("c3") is None
    assert store.answer_of("c4") is not None
    assert [item.message_id for item in store.items(DEFAULT_ROOM)] == [
        message_of(number).message_id for number in (4, 5)
    ]
    assert store.signed_bytes(DEFAULT_ROOM, gone) == {}


def test_between_two_slices_of_a_large_expiry_others_publish(store: MessageStore) -> None:
    expired, hour_later = 20_000, NOW_NS + HOUR_NS
    store.append([message_of(number, receive_time_ns=NOW_NS) for number in range(expired)])
    dropped_before_publish: list[int] = []
    dropped_now = 0

    def count_dropped(_: Conversation, dropped: Sequence[Dropped]) -> None:
        nonlocal dropped_now
        dropped_now += len(dropped)

    async def publish() -> None:
        nonlocal dropped_now
        for number in count(expired):
            store.append([message_of(number, LOBBY, receive_time_ns=hour_later)])
            dropped_before_publish.append(dropped_now)
            dropped_now = 0
            await trio.lowlevel.checkpoint()

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(publish)
            await trim(store, Retention(max_age_s=60), StillClock(hour_later), count_dropped)
            nursery.cancel_scope.cancel()

    trio.run(main)
    assert store.count(DEFAULT_ROOM) == 0
    # The scheduler shuffles: a publish waits for two slices at most.
    assert max(dropped_before_publish) <= 2 * SLICE
    assert len(dropped_before_publish) >= expired / (2 * SLICE)


def test_a_retention_that_removes_nothing_keeps_no_checkpoint_from_its_pause(
    store: MessageStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(store, 1, 2, 3)
    noted: list[int] = []
    monkeypatch.setattr(Checkpoints, "note", lambda _, size_bytes: noted.append(size_bytes))
    assert trio.run(trim, store, Retention(), StillClock(NOW_NS)) == 0
    assert noted == []
    assert trio.run(trim, store, Retention(max_messages=1), StillClock(NOW_NS)) == 2
    assert noted == [0]


def test_an_emptied_store_gives_no_offset_twice(store: MessageStore) -> None:
    append(store, 1, 2, 3)
    drop(store, DEFAULT_ROOM, 3)
    assert (store.first_offset, store.last_offset) == (4, 3)
    assert store.conversations() == ()
    append(store, 4)
    assert (store.first_offset, store.last_offset) == (4, 4)


def test_a_hole_among_messages_is_told_once(store: MessageStore) -> None:
    log = BoundedLog(store)
    append(store, 1, room=LOBBY)
    append(store, *range(2, 8))
    append(store, 8, room=LOBBY)
    append(store, 9)
    drop(store, DEFAULT_ROOM, 4)
    expected: list[int | Gap] = [1, Gap(GapReason.EXPIRED, 4), 6, 7, 8, 9]
    assert read_from(log, 0) == expected
    reader = log.open_reader(log.cursor(0))
    one_by_one = [entry for _ in range(20) for entry in reader.read(1)]
    assert told(one_by_one) == expected
    for entry in one_by_one:
        rest = told(log.open_reader(entry.event.cursor).read(MANY))
        assert rest == [one for one in expected if place(one) > entry.offset]


def place(one: int | Gap) -> int:
    return one if isinstance(one, int) else 5


def test_a_hole_of_other_rooms_is_not_told(store: MessageStore) -> None:
    log = BoundedLog(store)
    append(store, 1, room=LOBBY)
    append(store, 2, 3)
    append(store, 4, room=LOBBY)
    drop(store, DEFAULT_ROOM, 2)
    assert read_from(log, 0, LOBBY) == [1, 4]
    assert read_from(log, 1) == [Gap(GapReason.EXPIRED, 2), 4]
    assert read_from(log, 0, DEFAULT_ROOM) == [Gap(GapReason.EXPIRED, 2)]
    assert read_from(log, 3, DEFAULT_ROOM) == []


def test_one_who_begins_at_the_beginning_has_missed_nothing(store: MessageStore) -> None:
    log = BoundedLog(store)
    append(store, 1, room=LOBBY)
    append(store, 2, 3, 4)
    drop(store, DEFAULT_ROOM, 2)
    reader = log.open_reader("")
    drop(store, DEFAULT_ROOM, 1)
    append(store, 5)
    assert told(reader.read(MANY)) == [1, Gap(GapReason.EXPIRED, 3)]
    assert told(log.open_reader("").read(MANY)) == [1, 5]


def test_a_page_tells_what_was_dropped_of_its_room(store: MessageStore) -> None:
    log = BoundedLog(store)
    append(store, 1, room=LOBBY)
    append(store, 2, 3, 4)
    drop(store, DEFAULT_ROOM, 2)
    page = log.page(DEFAULT_ROOM, before=None, after=log.cursor(1), limit=10)
    assert (page.gap, len(page.events)) == (Gap(GapReason.EXPIRED, 2), 1)
    assert log.page(DEFAULT_ROOM, before=None, after=log.cursor(3), limit=10).gap is None
    assert log.page(DEFAULT_ROOM, before=None, after="", limit=10).gap is None
    assert log.page(LOBBY, before=None, after=log.cursor(0), limit=10).gap is None


def test_a_store_in_memory_tells_what_its_bounds_have_dropped() -> None:
    store = MemoryStore(3, EVERYTHING)
    append(store, *range(5), room=LOBBY)
    first = store.drop_oldest(LOBBY, keep=9, received_before_ns=0, at_most=1)
    others = store.drop_oldest(LOBBY, keep=9, received_before_ns=0, at_most=9)
    assert [one.seqno for one in (*first, *others)] == [
        message_of(number).seqno for number in range(2)
    ]
    assert store.drop_oldest(LOBBY, keep=9, received_before_ns=0, at_most=9) == []


def test_a_forgotten_room_is_gone_from_every_view_and_the_others_stay(store: MessageStore) -> None:
    for number in range(10):
        append(store, number, room=LOBBY if number % 2 else DEFAULT_ROOM)
    while store.forget(LOBBY, 2):
        pass
    store.erase()
    assert store.count(LOBBY) == 0
    assert list(store.items(LOBBY)) == []
    assert [one.offset for one in store.read(0, 10, EVERYTHING)] == [1, 3, 5, 7, 9]
    append(store, 20, room=LOBBY)
    assert store.last_offset == 11
    assert store.count(LOBBY) == 1
    assert store.page_before(LOBBY, 99, 10).messages[0].offset == 11
