"""Log, cursors, retention, restarts and resume as one machine, on both stores.

The rule: going from cursor to cursor, a reader gets every message of its rooms
once, in order, or is told of a gap where it should have been.
"""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from p2pd.domain.events import Gap, GapReason, PeerConnected
from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM, RoomName
from p2pd.log.log import Log
from p2pd.log.reader import Reader
from p2pd.store.sqlite_store import FILE_NAME
from tests.p2pd.facts import make_peer
from tests.p2pd.store.stores import LOBBY, BoundedLog, Kind, message_of, open_kind

STEPS = int(os.environ.get("LOG_MACHINE_STEPS", "10000"))
EXAMPLES_A_RUN = 10
ROOMS = (DEFAULT_ROOM, LOBBY)
MEMORY_KEEPS = 40
TAIL = 8

rooms = st.sampled_from([frozenset(), frozenset({LOBBY}), frozenset({DEFAULT_ROOM})])
some = st.integers(1, 6)


@dataclass
class Follower:
    """A reader as its user sees it: what it wants, where it stands, what it must get."""

    reader: Reader
    rooms: frozenset[RoomName]
    place: int
    """Everything at or below this offset was told or is known to be missing."""
    forgiven: int = 0
    """Holes up to here were there when it began anew, and need not be told."""
    cursor: str = ""
    awaits_gap: bool = False
    """Whether it must be told that its cursor is of another log."""
    told: list[int] = field(default_factory=list)


class LogMachine(RuleBasedStateMachine):
    kind: Kind
    steps = 0
    """Taken by all examples so far."""

    def __init__(self) -> None:
        super().__init__()
        self.life = ExitStack()
        self.directory = Path(self.life.enter_context(TemporaryDirectory()))
        self.opened = ExitStack()
        self.messages: list[Message] = []
        """Every message ever appended in this epoch: the one at offset N is the Nth."""
        self.numbers = 0
        self.followers: list[Follower] = []
        self.log = self.open()

    def open(self) -> Log:
        store = self.opened.enter_context(open_kind(self.kind, MEMORY_KEEPS, self.directory))
        return BoundedLog(store, tail=TAIL)

    @rule(count=some, room=st.sampled_from(ROOMS), at_once=st.booleans())
    def append(self, count: int, room: RoomName, at_once: bool) -> None:
        fresh = [message_of(self.numbers + step, room) for step in range(count)]
        self.numbers += count
        for batch in [fresh] if at_once else [[one] for one in fresh]:
            assert list(self.log.append(batch)) == batch
        self.messages += fresh

    @precondition(lambda self: self.messages)
    @rule(data=st.data())
    def append_again(self, data: st.DataObject) -> None:
        kept = self.log.store.read(0, self.log.store.last_offset, 1 << 30)
        if kept:
            known = data.draw(st.sampled_from([one.message for one in kept]))
            assert self.log.append([known, known]) == ()

    @rule(room=st.sampled_from(ROOMS), count=st.integers(1, 12))
    def drop(self, room: RoomName, count: int) -> None:
        keep = max(0, self.log.store.count(room) - count)
        self.log.store.drop_oldest(room, keep=keep, received_before_ns=0, at_most=8)

    @rule()
    def tell(self) -> None:
        self.log.emit(PeerConnected(make_peer("a")))

    @precondition(lambda self: len(self.followers) < 6)
    @rule(wanted=rooms, after=st.sampled_from(["", "now", "old log"]))
    def begin(self, wanted: frozenset[RoomName], after: str) -> None:
        last = self.log.store.last_offset
        dropped = self.log.store.dropped_until(wanted)
        match after:
            case "now":
                reader = self.log.open_reader(None, wanted)
                self.followers.append(Follower(reader, wanted, last, 0, self.log.cursor(last)))
            case "":
                reader = self.log.open_reader("", wanted)
                self.followers.append(Follower(reader, wanted, 0, dropped))
            case _:
                reader = self.log.open_reader("00000000-3", wanted)
                self.followers.append(Follower(reader, wanted, 0, dropped, awaits_gap=True))

    @precondition(lambda self: self.followers)
    @rule(data=st.data(), max_bytes=st.sampled_from([1, 500, 1200, 1 << 20]))
    def read(self, data: st.DataObject, max_bytes: int) -> None:
        follower = data.draw(st.sampled_from(self.followers))
        self.follow(follower, max_bytes)

    @precondition(lambda self: self.followers)
    @rule(data=st.data())
    def resume(self, data: st.DataObject) -> None:
        follower = data.draw(st.sampled_from(self.followers))
        self.reopen(follower)

    @rule(data=st.data(), room=st.sampled_from(ROOMS), limit=st.integers(1, 20))
    def page(self, data: st.DataObject, room: RoomName, limit: int) -> None:
        place = data.draw(st.integers(0, self.log.store.last_offset))
        kept = [
            one.offset
            for one in self.log.store.read(0, self.log.store.last_offset, 1 << 30)
            if one.message.room == room
        ]
        after = self.log.store.page_after(room, place, limit)
        assert [one.offset for one in after.messages] == [x for x in kept if x > place][:limit]
        before = self.log.store.page_before(room, place, limit)
        assert [one.offset for one in before.messages] == [x for x in kept if x < place][-limit:]
        assert len(kept) == self.log.store.count(room)

    @rule(end=st.sampled_from(["stopped", "killed", "stopped", "killed", "damaged"]))
    def restart(self, end: str) -> None:
        epoch = self.log.store.epoch
        found = self.directory
        if end == "killed":
            found = Path(self.life.enter_context(TemporaryDirectory()))
            shutil.copytree(self.directory, found, dirs_exist_ok=True)
        self.opened.close()
        self.directory = found
        if end == "damaged" and self.kind == "disk":
            (found / FILE_NAME).write_bytes(b"no database")
        self.log = self.open()
        same = self.log.store.epoch == epoch
        assert same == (self.kind == "disk" and end != "damaged")
        if not same:
            self.messages = []
        for follower in self.followers:
            self.reopen(follower)

    def reopen(self, follower: Follower) -> None:
        """Let a follower go on from its cursor, or begin anew where that is of another log."""
        follower.reader = self.log.open_reader(follower.cursor, follower.rooms)
        if not follower.cursor.startswith(f"{self.log.store.epoch}-"):
            follower.place = 0
            follower.forgiven = self.log.store.dropped_until(follower.rooms)
            follower.awaits_gap = follower.cursor != ""

    @invariant()
    def steps_are_counted(self) -> None:
        type(self).steps += 1

    @invariant()
    def offsets_have_no_holes_at_append(self) -> None:
        store = self.log.store
        assert store.last_offset == len(self.messages)
        assert 1 <= store.first_offset <= store.last_offset + 1

    @invariant()
    def what_is_kept_is_what_was_appended(self) -> None:
        for one in self.log.store.read(0, self.log.store.last_offset, 1 << 30)[:5]:
            assert one.message == self.messages[one.offset - 1]

    def follow(self, follower: Follower, max_bytes: int) -> bool:
        entries = follower.reader.read(max_bytes)
        for entry in entries:
            match entry.event.body:
                case Gap(GapReason.UNKNOWN_CURSOR):
                    assert follower.awaits_gap
                    follower.awaits_gap = False
                case Gap(GapReason.EXPIRED, missing):
                    assert missing > 0
                    self.check_passed_over(follower, entry.offset - missing + 1)
                    follower.place = entry.offset
                case Message() as message:
                    assert not follower.awaits_gap, "a new log, and nobody said so"
                    assert message == self.messages[entry.offset - 1]
                    assert entry.offset > follower.place, "told twice"
                    self.check_passed_over(follower, entry.offset)
                    follower.place = entry.offset
            follower.cursor = entry.event.cursor
        return bool(entries)

    def check_passed_over(self, follower: Follower, until: int) -> None:
        """Fail where a message of the reader's rooms was left out and nobody said so."""
        for offset in range(max(follower.place, follower.forgiven) + 1, until):
            message = self.messages[offset - 1]
            wanted = not follower.rooms or message.room in follower.rooms
            assert not wanted, f"offset {offset} is missing before {until} and was not told"
        for offset in range(follower.place + 1, min(follower.forgiven, until)):
            message = self.messages[offset - 1]
            if not follower.rooms or message.room in follower.rooms:
                assert self.log.store.offset_of(message.message_id) is None

    def teardown(self) -> None:
        for follower in self.followers:
            while self.follow(follower, 1 << 20):
                pass
            self.check_passed_over(follower, self.log.store.last_offset + 1)
        self.opened.close()
        self.life.close()


class MemoryMachine(LogMachine):
    kind = "memory"


class DiskMachine(LogMachine):
    kind = "disk"


MACHINES = (MemoryMachine, DiskMachine)


@pytest.mark.timeout(max(180, STEPS // 20))
@pytest.mark.parametrize("machine", MACHINES)
def test_no_unmarked_hole_and_no_repeat(machine: type[LogMachine]) -> None:
    case = machine.TestCase
    case.settings = settings(
        max_examples=EXAMPLES_A_RUN,
        stateful_step_count=100,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    machine.steps = 0
    while machine.steps < STEPS / len(MACHINES):
        case().runTest()
