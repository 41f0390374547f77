from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import Protocol

import pytest

from p2pd.domain.events import (
    EventBody,
    Gap,
    GapReason,
    PeerConnected,
    PeerDisconnected,
    PeerJoined,
    Snapshot,
)
from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM, PeerId
from p2pd.errors import InvalidInputError
from p2pd.log.log import Log, Page
from p2pd.log.reader import Entry, Reader
from tests.p2pd.facts import make_message, make_peer
from tests.p2pd.store.stores import KINDS, LOBBY, BoundedLog, open_kind

MANY = 1 << 20


class MakeLog(Protocol):
    def __call__(self, keep: int = ..., tail: int = ...) -> Log: ...


@pytest.fixture(params=KINDS)
def make_log(request: pytest.FixtureRequest) -> Iterator[MakeLog]:
    with ExitStack() as stack:

        def make(keep: int = 1000, tail: int = 1000) -> Log:
            store = stack.enter_context(open_kind(request.param, keep))
            return BoundedLog(store, keep, tail)

        yield make


def bodies(entries: Sequence[Entry]) -> list[EventBody]:
    return [entry.event.body for entry in entries]


def numbers(entries: Sequence[Entry]) -> list[int]:
    return [int(body.message_id, 16) for body in bodies(entries) if isinstance(body, Message)]


def numbers_of(page: Page) -> list[int]:
    found = [event.body for event in page.events]
    return [int(body.message_id, 16) for body in found if isinstance(body, Message)]


def read_all(reader: Reader) -> list[Entry]:
    entries: list[Entry] = []
    while batch := reader.read(2000):
        entries.extend(batch)
    return entries


def append(log: Log, *these: int) -> None:
    for number in these:
        log.append([make_message(number)])


def test_first_event_is_the_present_state(make_log: MakeLog) -> None:
    log = make_log()
    log.emit(PeerConnected(make_peer("b")))
    log.emit(PeerConnected(make_peer("a")))
    log.emit(PeerJoined(PeerId("a"), LOBBY))
    (snapshot,) = bodies(log.open_reader(None).read(MANY))
    assert isinstance(snapshot, Snapshot)
    assert snapshot.peer_count == 2
    assert [(peer.peer_id, peer.rooms) for peer in snapshot.peers] == [("a", (LOBBY,)), ("b", ())]


def test_without_a_cursor_only_what_comes_is_told(make_log: MakeLog) -> None:
    log = make_log()
    append(log, 1, 2)
    reader = log.open_reader(None)
    assert numbers(read_all(reader)) == []
    append(log, 3, 4)
    assert numbers(read_all(reader)) == [3, 4]


def test_resuming_at_any_cursor_repeats_nothing_and_misses_nothing(make_log: MakeLog) -> None:
    log = make_log()
    reader = log.open_reader("")
    append(log, *range(20))
    for entry in read_all(reader):
        before = numbers([entry])
        rest = numbers(read_all(log.open_reader(entry.event.cursor)))
        if before:
            assert rest == list(range(before[0] + 1, 20))


def test_a_repeated_message_is_in_the_log_once(make_log: MakeLog) -> None:
    log = make_log()
    assert len(log.append([make_message(1), make_message(1)])) == 1
    assert log.append([make_message(1)]) == ()
    assert numbers(read_all(log.open_reader(""))) == [1]


def test_only_the_rooms_asked_for_are_told(make_log: MakeLog) -> None:
    log = make_log()
    reader = log.open_reader("", frozenset({LOBBY}))
    log.append([make_message(1), make_message(2, LOBBY), make_message(3)])
    log.emit(PeerConnected(make_peer("a")))
    entries = read_all(reader)
    assert numbers(entries) == [2]
    assert PeerConnected(make_peer("a")) in bodies(entries)


def test_reader_behind_the_tail_misses_no_message_and_gets_a_fresh_state(make_log: MakeLog) -> None:
    log = make_log(keep=1000, tail=8)
    reader = log.open_reader(None)
    read_all(reader)
    log.emit(PeerConnected(make_peer("a")))
    append(log, *range(100))
    log.emit(PeerConnected(make_peer("b")))
    entries = read_all(reader)
    assert numbers(entries) == list(range(100))
    states = [body for body in bodies(entries) if isinstance(body, Snapshot)]
    assert [peer.peer_id for peer in states[-1].peers] == ["a", "b"]
    assert not any(isinstance(body, Gap) for body in bodies(entries))


def test_reader_behind_what_is_kept_is_told_how_much_it_missed(make_log: MakeLog) -> None:
    log = make_log(keep=10, tail=4)
    reader = log.open_reader(None)
    read_all(reader)
    append(log, *range(100))
    entries = read_all(reader)
    first = log.store.first_offset
    gaps = [body for body in bodies(entries) if isinstance(body, Gap)]
    assert gaps == [Gap(GapReason.EXPIRED, first - 1)]
    assert numbers(entries) == list(range(first - 1, 100))


@pytest.mark.parametrize("cursor", ["junk", "00000000-5", "x" * 5000, "-", "\x00"])
def test_a_cursor_of_another_log_is_told_and_everything_kept_follows(
    make_log: MakeLog, cursor: str
) -> None:
    log = make_log()
    append(log, 1, 2, 3)
    entries = read_all(log.open_reader(cursor))
    assert bodies(entries)[1] == Gap(GapReason.UNKNOWN_CURSOR, 0)
    assert numbers(entries) == [1, 2, 3]


def test_who_leaves_before_the_gap_is_told_of_it_when_it_comes_back(make_log: MakeLog) -> None:
    log = make_log()
    append(log, 1)
    (snapshot,) = log.open_reader("00000000-5").read(1)
    entries = read_all(log.open_reader(snapshot.event.cursor))
    assert bodies(entries)[1] == Gap(GapReason.UNKNOWN_CURSOR, 0)


def test_a_cursor_ahead_of_the_log_is_unknown(make_log: MakeLog) -> None:
    log = make_log()
    append(log, 1)
    entries = read_all(log.open_reader(log.cursor(5)))
    assert bodies(entries)[1] == Gap(GapReason.UNKNOWN_CURSOR, 0)


def test_a_departure_is_told_after_the_arrival(make_log: MakeLog) -> None:
    log = make_log()
    reader = log.open_reader(None)
    read_all(reader)
    log.emit(PeerConnected(make_peer("a")))
    log.emit(PeerDisconnected(PeerId("a")))
    told = [PeerConnected(make_peer("a")), PeerDisconnected(PeerId("a"))]
    assert bodies(read_all(reader)) == told


def test_what_is_hidden_is_passed_over_without_a_gap(make_log: MakeLog) -> None:
    log = make_log()
    append(log, 1, 2, 3, 4)
    log.hides = lambda message: int(message.message_id, 16) in (2, 4, 6)
    live = log.open_reader(None)
    read_all(live)
    resumed = log.open_reader("")
    entries = read_all(resumed)
    assert numbers(entries) == [1, 3]
    assert not [body for body in bodies(entries) if isinstance(body, Gap)]
    assert resumed.progress().event.cursor == log.cursor(4)
    append(log, 5, 6, 7)
    assert numbers(read_all(live)) == numbers(read_all(resumed)) == [5, 7]


def test_pages_pass_over_what_is_hidden(make_log: MakeLog) -> None:
    log = make_log()
    append(log, *range(1, 21))
    log.hides = lambda message: 4 <= int(message.message_id, 16) <= 18
    newest = log.page(DEFAULT_ROOM, before=None, after=None, limit=3)
    assert numbers_of(newest) == [19, 20]
    older = log.page(DEFAULT_ROOM, before=newest.next_cursor, after=None, limit=3)
    assert numbers_of(older) == [3]
    first = log.page(DEFAULT_ROOM, before=older.next_cursor, after=None, limit=3)
    assert (numbers_of(first), first.next_cursor) == ([1, 2], "")
    oldest = log.page(DEFAULT_ROOM, before=None, after="", limit=3)
    later = log.page(DEFAULT_ROOM, before=None, after=oldest.next_cursor, limit=3)
    assert (numbers_of(oldest), numbers_of(later), later.next_cursor) == ([1, 2, 3], [19, 20], "")


def test_readers_in_other_threads_repeat_nothing_and_miss_nothing(make_log: MakeLog) -> None:
    log = make_log(keep=1 << 20, tail=4)
    readers = [log.open_reader("") for _ in range(3)]
    seen: list[list[int]] = [[] for _ in readers]
    wakes = [threading.Event() for _ in readers]
    done = threading.Event()

    def follow(reader: Reader, mine: list[int], wake: threading.Event) -> None:
        while True:
            is_last = done.is_set()
            wake.clear()
            entries = reader.read(3000)
            mine.extend(numbers(entries))
            if is_last and not entries:
                return
            if not entries:
                assert wake.wait(60)

    for wake in wakes:
        log.on_append(wake.set)
    threads = [
        threading.Thread(target=follow, args=each)
        for each in zip(readers, seen, wakes, strict=True)
    ]
    for thread in threads:
        thread.start()
    for number in range(0, 1500, 3):
        log.append([make_message(number + step) for step in range(3)])
    done.set()
    for wake in wakes:
        wake.set()
    for thread in threads:
        thread.join(60)
    for mine in seen:
        assert mine == list(range(1500))


class TestPage:
    def test_pages_back_and_forth_without_a_hole(self, make_log: MakeLog) -> None:
        log = make_log()
        append(log, *range(25))
        backwards: list[int] = []
        before: str | None = None
        while before != "":
            page = log.page(make_message(0).room, before=before, after=None, limit=10)
            backwards[:0] = [int(event.body.message_id, 16) for event in page.events]  # type: ignore[union-attr]
            before = page.next_cursor
        assert backwards == list(range(25))
        forwards: list[int] = []
        after, more = "", True
        while more:
            page = log.page(make_message(0).room, before=None, after=after, limit=10)
            forwards += [int(event.body.message_id, 16) for event in page.events]  # type: ignore[union-attr]
            after, more = page.next_cursor, bool(page.next_cursor)
        assert forwards == list(range(25))

    def test_a_page_is_of_one_room(self, make_log: MakeLog) -> None:
        log = make_log()
        log.append([make_message(1), make_message(2, LOBBY)])
        page = log.page(LOBBY, before=None, after=None, limit=10)
        assert [event.body.message_id for event in page.events] == [make_message(2).message_id]  # type: ignore[union-attr]

    def test_what_is_no_longer_kept_is_told(self, make_log: MakeLog) -> None:
        log = make_log(keep=10)
        append(log, 0)
        cursor = log.cursor(1)
        append(log, *range(1, 100))
        page = log.page(make_message(0).room, before=None, after=cursor, limit=10)
        assert page.gap == Gap(GapReason.EXPIRED, log.store.first_offset - 2)

    def test_junk_is_not_a_cursor(self, make_log: MakeLog) -> None:
        with pytest.raises(InvalidInputError) as caught:
            make_log().page(LOBBY, before="junk", after=None, limit=10)
        assert (caught.value.field, caught.value.reason) == ("before", "INVALID_CURSOR")


def test_reader_ends_at_the_first_of_the_cursors_that_its_caller_has(make_log: MakeLog) -> None:
    log = make_log()
    append(log, *range(1, 10))
    cursors = [log.cursor(offset) for offset in range(10)]
    until = ["unknown", "ffffffff-7", cursors[2], cursors[8], cursors[6]]
    reader = log.open_reader(cursors[3], until=until)
    assert numbers(read_all(reader)) == [4, 5, 6]
    assert reader.is_over
    append(log, 10)
    assert not read_all(reader)


def test_reader_whose_caller_has_nothing_ahead_does_not_end(make_log: MakeLog) -> None:
    log = make_log()
    append(log, 1, 2, 3)
    reader = log.open_reader(log.cursor(2), until=[log.cursor(1), log.cursor(2)])
    assert numbers(read_all(reader)) == [3]
    append(log, 4)
    assert numbers(read_all(reader)) == [4]
    assert not reader.is_over
