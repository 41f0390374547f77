from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
import trio
import trio.testing

from p2pd.chat.inbox import REPORT_INTERVAL_S, Inbox
from p2pd.chat.validators import Validator
from p2pd.domain.events import Gap, GapReason
from p2pd.domain.items import END, LOWEST
from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM, PeerId, RoomName
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.domain.state import State
from p2pd.domain.verdicts import Verdict
from p2pd.errors import StorageFailedError, StorageFullError
from p2pd.log.log import Log
from p2pd.store.memory_store import MemoryStore
from p2pd.store.message_store import Stored
from tests.p2pd.facts import make_message, make_node

LOBBY = RoomName("lobby")
STORED, KNOWN, REFUSED, NOT_STORED = Verdict


class FailingStore(MemoryStore):
    """A store whose disk fails when told to."""

    error: Exception | None = None
    poison = b"poison"

    def append(self, messages: Sequence[Message]) -> tuple[Stored, ...]:
        if self.error is not None:
            raise self.error
        if any(message.data == self.poison for message in messages):
            raise RuntimeError("the log trips over it")
        return super().append(messages)


class Door:
    """An inbox in front of a log, and what a reader of it sees."""

    def __init__(self, *validators: Validator) -> None:
        self.blocked: set[PeerId] = set()
        self.store = FailingStore(1_000, 1 << 20)
        self.log = Log(self.store, State(make_node(DEFAULT_ROOM), {}))
        self.rejections = Rejections()
        self.inbox = Inbox(self.log, self.rejections, validators, self.blocked.__contains__)
        self.fetched: list[RoomName] = []
        self.inbox.on_recovered.append(self.fetched.append)
        self._reader = self.log.open_reader(None)

    def gaps(self) -> list[Gap]:
        bodies = [entry.event.body for entry in self._reader.read(1 << 20)]
        return [body for body in bodies if isinstance(body, Gap)]


def run(scenario: Callable[[Door], Awaitable[None]], *validators: Validator) -> None:
    async def main() -> None:
        door = Door(*validators)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(door.inbox.run)
            await scenario(door)
            nursery.cancel_scope.cancel()

    trio.run(main, clock=trio.testing.MockClock(autojump_threshold=0))


def messages(*numbers: int, room: RoomName = DEFAULT_ROOM) -> list[Message]:
    return [make_message(number, room) for number in numbers]


def test_a_message_is_stored_once() -> None:
    async def scenario(door: Door) -> None:
        assert await door.inbox.receive_messages(messages(1, 2)) == [STORED, STORED]
        assert await door.inbox.receive_messages(messages(2, 3)) == [KNOWN, STORED]
        assert door.store.last_offset == 3

    run(scenario)


@pytest.mark.parametrize("error", [StorageFullError(1.0), StorageFailedError("no disk")])
def test_readers_get_one_gap_for_an_outage_and_another_when_more_is_missed(
    error: Exception,
) -> None:
    async def scenario(door: Door) -> None:
        door.store.error = error
        assert await door.inbox.receive_messages(messages(1, 2)) == [NOT_STORED] * 2
        await trio.sleep(0.1)
        assert door.gaps() == [Gap(GapReason.NOT_STORED, 2)]
        for number in (1, 2, 3, 4):
            await door.inbox.receive_messages(messages(number))
        await trio.sleep(2 * REPORT_INTERVAL_S)
        assert door.gaps() == [Gap(GapReason.NOT_STORED, 2)]
        await trio.sleep(10 * REPORT_INTERVAL_S)
        assert door.gaps() == []

    run(scenario)


def test_what_was_missed_is_fetched_at_once_when_there_is_room() -> None:
    async def scenario(door: Door) -> None:
        door.store.error = StorageFullError(1.0)
        await door.inbox.receive_messages([*messages(1), *messages(2, room=LOBBY)])
        assert door.fetched == []
        door.store.error = None
        assert await door.inbox.receive_messages(messages(1)) == [STORED]
        assert sorted(door.fetched) == sorted([DEFAULT_ROOM, LOBBY])
        assert await door.inbox.receive_messages(messages(2, room=LOBBY)) == [STORED]
        assert len(door.fetched) == 2

    run(scenario)


def test_what_was_missed_is_fetched_when_the_node_itself_could_store_something() -> None:
    async def scenario(door: Door) -> None:
        door.store.error = StorageFullError(1.0)
        await door.inbox.receive_messages(messages(1))
        door.store.error = None
        await trio.sleep(2 * REPORT_INTERVAL_S)
        assert door.fetched == [DEFAULT_ROOM]

    run(scenario)


def test_a_message_the_log_trips_over_costs_no_other() -> None:
    async def scenario(door: Door) -> None:
        poison = make_message(2, data=FailingStore.poison)
        batch = [*messages(1), poison, *messages(3)]
        assert await door.inbox.receive_messages(batch) == [STORED, REFUSED, STORED]
        assert door.rejections.totals[RejectionReason.MESSAGE_NOT_APPENDED] == 1
        assert door.gaps() == []

    run(scenario)


def rule(accepts: Callable[[Message], Awaitable[bool]], **options: Any) -> Validator:
    return Validator("rule", accepts, **options)


async def even(message: Message) -> bool:
    await trio.lowlevel.checkpoint()
    return int(message.message_id, 16) % 2 == 0


async def below_five(message: Message) -> bool:
    return int(message.message_id, 16) < 5


def test_a_message_needs_the_consent_of_every_validator() -> None:
    async def scenario(door: Door) -> None:
        verdicts = await door.inbox.receive_messages(messages(1, 2, 3, 4, 6))
        assert verdicts == [REFUSED, STORED, REFUSED, STORED, REFUSED]
        assert door.rejections.totals[RejectionReason.VALIDATOR_REFUSED] == 3
        assert door.store.last_offset == 2

    run(scenario, rule(even), rule(below_five))


def test_what_a_validator_refused_is_not_fetched_by_synchronisation() -> None:
    async def scenario(door: Door) -> None:
        await door.inbox.receive_messages(messages(1, 2))
        items = door.log.items.item_set(DEFAULT_ROOM).items(LOWEST, END)
        assert len(items) == 2

    run(scenario, rule(even))


def test_a_validator_that_is_silent_or_fails_costs_its_own_messages_and_one_deadline() -> None:
    async def moody(message: Message) -> bool:
        number = int(message.message_id, 16)
        if number % 3 == 1:
            await trio.sleep_forever()
        if number % 3 == 2:
            raise ValueError
        return True

    async def scenario(door: Door) -> None:
        started_s = trio.current_time()
        verdicts = await door.inbox.receive_messages(messages(*range(1, 31)))
        assert trio.current_time() - started_s <= 0.5
        expected = [STORED if number % 3 == 0 else NOT_STORED for number in range(1, 31)]
        assert verdicts == expected
        assert door.rejections.totals[RejectionReason.VALIDATOR_SILENT] == 20

    run(scenario, rule(moody, deadline_s=0.5))


def test_messages_of_a_blocked_author_are_refused_and_not_asked_for_again() -> None:
    async def scenario(door: Door) -> None:
        author = PeerId("blocked")
        door.blocked.add(author)
        blocked = [replace(one, author_id=author) for one in messages(2, 4)]
        batch = [*messages(1), blocked[0], *messages(3), blocked[1]]
        assert await door.inbox.receive_messages(batch) == [STORED, REFUSED, STORED, REFUSED]
        assert door.store.last_offset == 2
        assert door.rejections.totals == {RejectionReason.AUTHOR_BLOCKED: 2}
        # To a peer that compares, this node lacks none of the four.
        assert door.log.items.item_set(DEFAULT_ROOM).summary(LOWEST, END).count == 4
        door.log.items.forget_unwanted()
        assert door.log.items.item_set(DEFAULT_ROOM).summary(LOWEST, END).count == 2
        door.blocked.clear()
        assert await door.inbox.receive_messages(blocked) == [STORED, STORED]

    run(scenario)
