"""Unread and mentions equal a model's, over any order of messages, reads and restarts."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, TypeVar

import hypothesis.strategies as st
import trio
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from p2pd.chat.read_state import ReadState
from p2pd.domain.conversations import ConversationState, ReaderName
from p2pd.domain.cursors import cursor_from_text
from p2pd.domain.events import ReadMarkerChanged
from p2pd.domain.mentions import MentionRule
from p2pd.domain.messages import Delivery, Message
from p2pd.domain.names import DEFAULT_ROOM, PeerId, RoomName
from p2pd.domain.state import State
from p2pd.log.log import Log
from p2pd.store.sqlite_store import open_store
from tests.p2pd.facts import NOW_NS, make_node, message_id_of
from tests.p2pd.store.stores import LOBBY

STEPS = int(os.environ.get("READ_STATE_STEPS", "2000"))
OWN_BYTES, OTHER_BYTES = b"own author", b"other author"
OWN_ID = PeerId("12D3KooWHkcfCzDBMtyqskmKKHZReL5nYd9szzcfrEZcj7wrKxGP")
ROOMS = (DEFAULT_ROOM, LOBBY)
READERS = (ReaderName("me"), ReaderName("you"))
T = TypeVar("T")


class Known(NamedTuple):
    """A stored message as the model has it."""

    room: RoomName
    is_own: bool
    is_mention: bool


class ReadStateMachine(RuleBasedStateMachine):
    """The real store, log and use case beside a list of messages and a table of markers."""

    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.life = ExitStack()
        self.directory = Path(self.life.enter_context(TemporaryDirectory()))
        self.opened = ExitStack()
        self.stored: dict[int, Known] = {}
        self.markers: dict[tuple[ReaderName, RoomName], int] = {}
        self.numbers = 0
        self.start()

    def start(self) -> None:
        mentions = MentionRule(OWN_ID)
        store = self.opened.enter_context(open_store(self.directory, is_mention=mentions))
        self.log = Log(store, State(make_node(*ROOMS), {}))
        self.read_state = ReadState(self.log, OWN_BYTES, mentions)

    @rule(
        room=st.sampled_from(ROOMS),
        is_own=st.booleans(),
        is_mention=st.booleans(),
        is_late=st.booleans(),
        count=st.integers(1, 4),
    )
    def store_messages(
        self, room: RoomName, is_own: bool, is_mention: bool, is_late: bool, count: int
    ) -> None:
        text = f"hello @{OWN_ID[-8:]}" if is_mention else "hello @all"
        batch = [self.make(room, text.encode(), is_own, is_late) for _ in range(count)]
        first = self.log.store.last_offset + 1
        assert len(self.log.append(batch)) == count
        assert not self.log.append(batch)
        for offset in range(first, first + count):
            self.stored[offset] = Known(room, is_own, is_mention and not is_own)

    def make(self, room: RoomName, data: bytes, is_own: bool, is_late: bool) -> Message:
        self.numbers += 1
        seqno = NOW_NS + (-self.numbers if is_late else self.numbers)
        author = OWN_BYTES if is_own else OTHER_BYTES
        return Message(
            message_id=message_id_of(author, seqno),
            room=room,
            author_id=OWN_ID if is_own else PeerId("other"),
            data=data,
            seqno=seqno,
            receive_time_ns=NOW_NS + self.numbers,
            forwarder_id=PeerId("forwarder"),
            signed_bytes=b"signed" + data,
            delivery=Delivery.BACKFILLED if is_late else Delivery.LIVE,
        )

    @rule(reader=st.sampled_from(READERS), room=st.sampled_from(ROOMS), data=st.data())
    def mark(self, reader: ReaderName, room: RoomName, data: st.DataObject) -> None:
        if not self.stored:
            return
        offset = data.draw(st.integers(0, self.log.store.last_offset))
        before, end = self.markers.get((reader, room)), self.log.tail.end
        cursor = self.log.cursor(offset) if offset else ""
        state = run(partial(self.read_state.set_marker, reader, room, cursor))
        if any(one.room == room for one in self.stored.values()):
            self.markers[reader, room] = offset
        assert state == self.expected(reader, room)
        emitted = [one.event.body for _, one in self.log.tail.iterate(end)]
        is_news = state.read_until is not None and state.read_until != before
        assert len(emitted) == is_news
        for body in emitted:
            assert isinstance(body, ReadMarkerChanged)
            place = cursor_from_text(body.read_cursor)
            assert place is not None
            assert (body.reader, body.conversation, place.offset) == (reader, room, offset)
            assert (body.unread_count, body.mention_count) == (
                state.unread_count,
                state.mention_count,
            )

    @rule(room=st.sampled_from(ROOMS), keep=st.integers(0, 20))
    def trim(self, room: RoomName, keep: int) -> None:
        self.log.store.drop_oldest(room, keep=keep, received_before_ns=0, at_most=1000)
        offsets = [offset for offset, one in self.stored.items() if one.room == room]
        for offset in offsets[: max(0, len(offsets) - keep)]:
            del self.stored[offset]
        if not any(one.room == room for one in self.stored.values()):
            # A room that is not joined leaves the store with its last message.
            for reader in READERS:
                self.markers.pop((reader, room), None)

    @rule()
    def restart(self) -> None:
        self.opened.close()
        self.opened = ExitStack()
        self.start()

    @invariant()
    def every_reader_sees_what_the_model_has(self) -> None:
        type(self).steps += 1

        async def ask() -> list[list[ConversationState]]:
            return [await self.read_state.states(reader, ROOMS) for reader in READERS]

        for reader, states in zip(READERS, run(ask), strict=True):
            counts = [replace(state, read_until=None) for state in states]
            expected = [replace(self.expected(reader, room), read_until=None) for room in ROOMS]
            assert counts == expected

    def expected(self, reader: ReaderName, room: RoomName) -> ConversationState:
        marker = self.markers.get((reader, room))
        offsets = [offset for offset, one in self.stored.items() if one.room == room]
        behind = [self.stored[offset] for offset in offsets if offset > (marker or 0)]
        return ConversationState(
            room,
            sum(not one.is_own for one in behind),
            sum(one.is_mention for one in behind),
            max(offsets, default=None),
            marker,
        )

    def teardown(self) -> None:
        self.opened.close()
        self.life.close()


def run(function: Callable[[], Awaitable[T]]) -> T:
    return trio.run(function)


def test_unread_and_mentions_equal_a_models_through_2000_steps() -> None:
    case = ReadStateMachine.TestCase
    case.settings = settings(
        max_examples=5,
        stateful_step_count=100,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    ReadStateMachine.steps = 0
    while ReadStateMachine.steps < STEPS:
        case().runTest()


def test_messages_stored_while_a_conversation_is_loaded_are_counted_once(tmp_path: Path) -> None:
    trio.run(count_while_messages_are_stored, tmp_path)


async def count_while_messages_are_stored(tmp_path: Path) -> None:
    mentions = MentionRule(OWN_ID)
    with open_store(tmp_path, is_mention=mentions) as store:
        log = Log(store, State(make_node(), {}))
        read_state = ReadState(log, OWN_BYTES, mentions)
        numbers = iter(range(1, 10_000))

        def append() -> None:
            seqno = NOW_NS + next(numbers)
            message_id = message_id_of(OTHER_BYTES, seqno)
            peer = PeerId("other")
            log.append([Message(message_id, DEFAULT_ROOM, peer, b"hi", seqno, NOW_NS, peer, b"hi")])

        for _ in range(2000):
            append()
        counts: list[int] = []

        async def ask() -> None:
            (state,) = await read_state.states(READERS[0], [DEFAULT_ROOM])
            counts.append(state.unread_count)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            nursery.start_soon(ask)
            while len(counts) < 2:
                append()
                await trio.lowlevel.checkpoint()
        await ask()
        assert counts[-1] == store.last_offset
        assert min(counts[:2]) >= 2000
