from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest
import trio
import trio.testing

from p2pd.chat.courier import Signed
from p2pd.chat.outbox import Outbox
from p2pd.chat.publisher import ACCEPT_AT_ONCE, MAX_NOW, Publisher, PublishLimits
from p2pd.chat.settling import READERS_WAIT_S
from p2pd.domain.callers import Caller
from p2pd.domain.cursors import cursor_from_text
from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM, RoomName
from p2pd.domain.publishes import Publish, Published
from p2pd.domain.records import Conversation, Direct
from p2pd.domain.state import State
from p2pd.errors import (
    ChatError,
    ClientMessageIdReusedError,
    InvalidInputError,
    LimitReachedError,
    NodeStoppingError,
    PublishFailedError,
    RoomNotJoinedError,
    StorageFailedError,
    StorageFullError,
)
from p2pd.log.log import Log
from p2pd.net.pubsub.gossip import SignedMessage
from p2pd.store.memory_store import MemoryStore
from p2pd.store.message_store import Stored, StoredAnswer, WhenDurable
from tests.p2pd.chat.ports import OWN, TopicsInMemory, deliver_nothing, make_membership, make_signed
from tests.p2pd.facts import NOW_NS, make_node

LOBBY = RoomName("lobby")
A, B = Caller("a"), Caller("b")
Outcomes = list[Published | ChatError]


class FailingStore(MemoryStore):
    """A store that fails for what the test names."""

    def __init__(self) -> None:
        super().__init__(100_000, 1 << 28)
        self.fails_on: dict[bytes, Exception] = {}
        self.unreadable: set[str] = set()
        self.durable_error: ChatError | None = None
        self.gate = trio.Event()
        self.gate.set()
        self.held: list[WhenDurable] | None = None
        """Who waits to be called back, where the test calls."""

    def append(self, messages: Sequence[Message]) -> tuple[Stored, ...]:
        for message in messages:
            if message.data in self.fails_on:
                raise self.fails_on[message.data]
        return super().append(messages)

    def answer_of(self, client_message_id: str, caller: str = "") -> StoredAnswer | None:
        if client_message_id in self.unreadable:
            raise StorageFailedError("unreadable")
        return super().answer_of(client_message_id, caller)

    async def wait_durable(self, offset: int) -> None:
        await self.gate.wait()
        if self.durable_error is not None:
            raise self.durable_error

    def call_when_durable(self, offset: int, callback: WhenDurable) -> None:
        if self.held is None:
            callback(None)
        else:
            self.held.append(callback)

    async def settle(self, error: StorageFailedError | None = None) -> None:
        """Call back from another thread."""
        assert self.held is not None
        for callback in self.held:
            await trio.to_thread.run_sync(callback, error)
        self.held.clear()


class Wire:
    """The network: signs, and hands over what the test does not let fail."""

    def __init__(self) -> None:
        self.seqno = NOW_NS
        self.sent: list[bytes] = []
        self.unsigned: set[bytes] = set()
        self.unsent: set[bytes] = set()
        self.pressure = 0.0
        self.can_send_now = True

    def sign(self, conversation: Conversation, data: bytes) -> SignedMessage:
        assert not isinstance(conversation, Direct)
        if data in self.unsigned:
            raise RuntimeError("the key is gone")
        self.seqno += 1
        return make_signed(self.seqno, conversation, data)

    async def send(self, message: Signed) -> int:
        await trio.lowlevel.checkpoint()
        if message.data in self.unsent:
            raise RuntimeError("the library fails")
        self.sent.append(message.data)
        return 2

    def send_now(self, message: Signed) -> int:
        if message.data in self.unsent:
            raise RuntimeError("the library fails")
        self.sent.append(message.data)
        return 2

    def send_pressure(self) -> float:
        return self.pressure


class Desk:
    """A publisher in front of a log and a wire."""

    def __init__(self, store: FailingStore | None = None, burst: int = 100_000) -> None:
        self.store = store or FailingStore()
        self.wire = Wire()
        self.log = Log(self.store, State(make_node(), {}))
        self.membership = make_membership(None, DEFAULT_ROOM, LOBBY)
        outbox = Outbox(self.membership, self.store, OWN, deliver_nothing)
        limits = PublishLimits(max_message_bytes=100, rate_per_s=1.0, burst=burst)
        self.publisher = Publisher(
            self.log, self.wire, self.membership, outbox, limits, lambda: NOW_NS
        )

    async def publish(self, *publishes: Publish) -> Outcomes:
        return await self.publisher.publish(publishes)

    def publish_now(self, *publishes: Publish) -> list[Outcomes] | None:
        """Publish by a call; return where the answers come, None where it has to wait."""
        settled: list[Outcomes] = []
        return settled if self.publisher.publish_now(publishes, settled.append) else None

    async def publish_one(self, publish: Publish) -> Published | ChatError:
        (outcome,) = await self.publish(publish)
        return outcome

    @property
    def texts(self) -> list[bytes]:
        """What is in the log."""
        return [stored.message.data for stored in self.store.read(0, 1 << 40, 1 << 30)]


def run(
    scenario: Callable[[Desk], Awaitable[None]],
    burst: int = 100_000,
    clock: trio.testing.MockClock | None = None,
) -> None:
    async def main() -> None:
        desk = Desk(burst=burst)
        await desk.membership.start(TopicsInMemory())
        with trio.fail_after(60):
            await scenario(desk)

    trio.run(main, clock=clock)


def text(data: bytes, client_message_id: str = "", **fields: object) -> Publish:
    return replace(Publish(DEFAULT_ROOM, data, client_message_id), **fields)  # type: ignore[arg-type]


def kinds(outcomes: Outcomes) -> list[type]:
    return [type(outcome) for outcome in outcomes]


# Each publish has its own outcome.


def test_what_fails_for_one_publish_fails_for_no_other() -> None:
    async def scenario(desk: Desk) -> None:
        desk.wire.unsigned = {b"unsigned"}
        desk.wire.unsent = {b"unsent"}
        desk.store.unreadable = {"unreadable"}
        desk.store.fails_on = {b"too much": StorageFullError(1.0), b"poison": ValueError()}
        outcomes = await desk.publish(
            text(b"first", "1"),
            text(b"unsigned"),
            text(b"", "2"),
            text(b"unread", "unreadable"),
            text(b"unsent", "3"),
            text(b"too much", "4"),
            text(b"elsewhere", conversation=RoomName("elsewhere")),
            text(b"poison"),
            text(b"last", "5"),
        )
        assert kinds(outcomes) == [
            Published,
            PublishFailedError,
            InvalidInputError,
            StorageFailedError,
            Published,
            StorageFullError,
            RoomNotJoinedError,
            PublishFailedError,
            Published,
        ]
        assert desk.texts == [b"first", b"unsent", b"last"]
        assert desk.wire.sent == [b"first", b"last"]
        recipients = [one.recipients for one in outcomes if isinstance(one, Published)]
        assert recipients == [2, 0, 2]

    run(scenario)


def test_cursors_are_those_of_the_messages_whatever_fails_beside_them() -> None:
    async def scenario(desk: Desk) -> None:
        chance = random.Random(5)
        publishes = [text(b"%d" % number) for number in range(60)]
        desk.store.fails_on = {
            one.data: StorageFullError(1.0) for one in chance.sample(publishes, 5)
        }
        outcomes = await desk.publish(*publishes)
        stored = {one.message.message_id: one.offset for one in desk.store.read(0, 99, 1 << 20)}
        assert len(stored) == 55
        for outcome in outcomes:
            if isinstance(outcome, Published):
                cursor = cursor_from_text(outcome.cursor)
                assert cursor is not None
                assert cursor.offset == stored[outcome.message_id]

    run(scenario)


def test_nothing_is_answered_that_may_not_be_safe() -> None:
    async def scenario(desk: Desk) -> None:
        await desk.publish(text(b"before", "1"))
        desk.store.durable_error = StorageFailedError("no disk")
        outcomes = await desk.publish(text(b"before", "1"), text(b"new", "2"), text(b""))
        assert kinds(outcomes) == [StorageFailedError, StorageFailedError, InvalidInputError]

    run(scenario)


def test_limits_refuse_by_name_and_stopping_refuses_what_is_new() -> None:
    async def scenario(desk: Desk) -> None:
        outcomes = await desk.publish(text(b"1", "1"), text(b"2"), text(b"3"))
        assert kinds(outcomes) == [Published, Published, LimitReachedError]
        desk.publisher.stop()
        again, new = await desk.publish(text(b"1", "1"), text(b"4"))
        assert again == outcomes[0]
        assert isinstance(new, NodeStoppingError)

    run(scenario, burst=2)


def test_a_caller_over_the_rate_does_not_keep_another_from_publishing() -> None:
    async def scenario(desk: Desk) -> None:
        loud = [text(b"loud", caller=A) for _ in range(20)]
        assert LimitReachedError in kinds(await desk.publish(*loud))
        quiet = passed = 0
        for _ in range(40):
            trio.lowlevel.current_clock().jump(0.5)  # type: ignore[attr-defined]
            outcomes = kinds(await desk.publish(*loud, text(b"quiet", caller=B)))
            quiet += outcomes[-1] is Published
            passed += outcomes.count(Published)
        assert quiet >= 8
        assert passed <= 20

    run(scenario, burst=10, clock=trio.testing.MockClock())


# A repeat is the same caller, id, room and bytes.


def test_a_repeat_gets_the_first_answer_and_anything_else_is_refused() -> None:
    async def scenario(desk: Desk) -> None:
        first = await desk.publish_one(text(b"once", "1"))
        assert await desk.publish_one(text(b"once", "1")) == first
        for other in (text(b"twice", "1"), text(b"once", "1", conversation=LOBBY)):
            assert isinstance(await desk.publish_one(other), ClientMessageIdReusedError)
        assert desk.texts == [b"once"]

    run(scenario)


def test_callers_do_not_share_ids() -> None:
    async def scenario(desk: Desk) -> None:
        outcomes = await desk.publish(
            text(b"of a", "1", caller=A), text(b"of b", "1", caller=B), text(b"of none", "1")
        )
        assert kinds(outcomes) == [Published] * 3
        assert await desk.publish_one(text(b"of b", "1", caller=B)) == outcomes[1]
        other = await desk.publish_one(text(b"of b", "1", caller=A))
        assert isinstance(other, ClientMessageIdReusedError)

    run(scenario)


def test_ids_hold_over_a_restart() -> None:
    async def scenario(desk: Desk) -> None:
        (first,) = await desk.publish(text(b"once", "1", caller=A))
        again = Desk(desk.store)
        await again.membership.start(TopicsInMemory())
        assert isinstance(first, Published)
        repeated = await again.publish_one(text(b"once", "1", caller=A))
        assert repeated == replace(first, recipients=0)
        for other in (
            text(b"twice", "1", caller=A),
            text(b"once", "1", caller=A, conversation=LOBBY),
        ):
            assert isinstance(await again.publish_one(other), ClientMessageIdReusedError)
        assert isinstance(await again.publish_one(text(b"once", "1", caller=B)), Published)

    run(scenario)


def test_an_id_used_twice_in_one_batch_is_a_repeat_or_refused() -> None:
    async def scenario(desk: Desk) -> None:
        outcomes = await desk.publish(
            text(b"once", "1"),
            text(b"twice", "1"),
            text(b"once", "1"),
            text(b"", "2"),
            text(b"after a refusal", "2"),
            text(b"no id"),
            text(b"no id"),
        )
        assert kinds(outcomes) == [
            Published,
            ClientMessageIdReusedError,
            Published,
            InvalidInputError,
            Published,
            Published,
            Published,
        ]
        assert outcomes[0] == outcomes[2]
        assert desk.texts == [b"once", b"after a refusal", b"no id", b"no id"]

    run(scenario)


def test_an_id_that_is_under_way_is_waited_for() -> None:
    async def scenario(desk: Desk) -> None:
        desk.store.gate = trio.Event()
        outcomes: dict[str, Published | ChatError] = {}

        async def publish(name: str, publish: Publish) -> None:
            outcomes[name] = await desk.publish_one(publish)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(publish, "first", text(b"once", "1"))
            await trio.testing.wait_all_tasks_blocked()
            nursery.start_soon(publish, "repeat", text(b"once", "1"))
            nursery.start_soon(publish, "other", text(b"twice", "1"))
            await trio.testing.wait_all_tasks_blocked()
            assert outcomes == {}
            desk.store.gate.set()
        assert outcomes["repeat"] == outcomes["first"]
        assert isinstance(outcomes["other"], ClientMessageIdReusedError)
        assert desk.texts == [b"once"]

    run(scenario)


def test_an_id_whose_first_use_failed_or_was_cancelled_is_free() -> None:
    async def scenario(desk: Desk) -> None:
        desk.store.fails_on = {b"once": StorageFullError(1.0)}
        assert isinstance(await desk.publish_one(text(b"once", "1")), StorageFullError)
        assert isinstance(await desk.publish_one(text(b"twice", "1")), Published)
        desk.store.gate = trio.Event()
        with trio.move_on_after(0.01):
            await desk.publish_one(text(b"cut off", "2"))
        desk.store.gate.set()
        again = await desk.publish_one(text(b"cut off", "2"))
        assert isinstance(again, Published)
        assert desk.texts.count(b"cut off") == 1

    run(scenario)


def test_batches_that_name_the_same_in_another_order_all_end() -> None:
    async def scenario(desk: Desk) -> None:
        outcomes: list[Outcomes] = []

        async def publish(*keys: str) -> None:
            outcomes.append(await desk.publish(*(text(key.encode(), key) for key in keys)))

        async with trio.open_nursery() as nursery:
            for keys in ("abc", "cba", "bc", "ca", "aabbcc"):
                nursery.start_soon(publish, *keys)
        assert {type(one) for batch in outcomes for one in batch} == {Published}
        assert sorted(desk.texts) == [b"a", b"b", b"c"]

    run(scenario)


# Publishing by a call, which no task waits for.


def test_a_call_publishes_at_once_and_answers_once_it_is_durable() -> None:
    async def scenario(desk: Desk) -> None:
        desk.store.held = []
        settled = desk.publish_now(text(b"one", "1"), text(b"", "2"), text(b"three"))
        assert settled == []
        assert desk.texts == desk.wire.sent == [b"one", b"three"]
        await desk.store.settle()
        assert settled is not None
        (outcomes,) = settled
        assert kinds(outcomes) == [Published, InvalidInputError, Published]
        assert await desk.publish_one(text(b"one", "1")) == outcomes[0]
        assert desk.texts == [b"one", b"three"]

    run(scenario)


def test_what_a_call_published_and_is_lost_is_not_answered_as_published() -> None:
    async def scenario(desk: Desk) -> None:
        desk.store.held = []
        settled = desk.publish_now(text(b"one", "1"), text(b"", "2"))
        await desk.store.settle(StorageFailedError("the disk is gone"))
        assert settled is not None
        assert kinds(settled[0]) == [StorageFailedError, InvalidInputError]

    run(scenario)


def test_a_repeat_waits_for_the_call_before_it_and_gets_its_answer() -> None:
    async def scenario(desk: Desk) -> None:
        desk.store.held = []
        settled = desk.publish_now(text(b"once", "1"))
        assert settled is not None
        assert desk.publish_now(text(b"once", "1")) is None
        repeats: Outcomes = []

        async def repeat() -> None:
            repeats.append(await desk.publish_one(text(b"once", "1")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(repeat)
            await trio.testing.wait_all_tasks_blocked()
            assert repeats == []
            await desk.store.settle()
        assert repeats == settled[0]
        assert desk.texts == [b"once"]

    run(scenario)


def test_a_call_does_nothing_where_it_had_to_wait() -> None:
    async def scenario(desk: Desk) -> None:
        assert desk.publish_now(*(text(b"x") for _ in range(MAX_NOW + 1))) is None
        desk.wire.can_send_now = False
        assert desk.publish_now(text(b"x", "1")) is None
        assert desk.texts == []
        desk.wire.can_send_now = True
        settled = desk.publish_now(text(b"x", "1"))
        assert settled is not None
        assert kinds(settled[0]) == [Published]

    run(scenario)


def test_readers_are_woken_for_a_call_when_its_caller_is_answered() -> None:
    async def scenario(desk: Desk) -> None:
        desk.store.held = []
        told: list[str] = []
        desk.log.on_append(lambda: told.append("readers"))
        assert desk.publisher.publish_now([text(b"one")], lambda _: told.append("caller"))
        assert told == []
        await desk.store.settle()
        assert told == ["readers", "caller"]

    run(scenario)


def test_readers_of_a_call_do_not_wait_for_a_disk_that_hangs() -> None:
    async def scenario(desk: Desk) -> None:
        desk.store.held = []
        told: list[str] = []
        desk.log.on_append(lambda: told.append("readers"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(desk.publisher.run)
            assert desk.publish_now(text(b"one")) == []
            await trio.sleep(3 * READERS_WAIT_S)
            assert set(told) == {"readers"}
            await desk.store.settle()
            await trio.sleep(3 * READERS_WAIT_S)
            told.clear()
            await trio.sleep(3 * READERS_WAIT_S)
            assert told == []
            nursery.cancel_scope.cancel()

    run(scenario, clock=trio.testing.MockClock(rate=10.0))


def test_what_a_call_could_not_send_waits_for_a_peer() -> None:
    async def scenario(desk: Desk) -> None:
        desk.wire.unsent = {b"unsent"}
        settled = desk.publish_now(text(b"unsent"), text(b"sent"))
        assert settled is not None
        recipients = [one.recipients for one in settled[0] if isinstance(one, Published)]
        assert recipients == [0, 2]

    run(scenario)


@pytest.mark.parametrize("seed", range(5))
def test_no_answer_is_ok_for_what_is_not_stored(seed: int) -> None:
    async def scenario(desk: Desk) -> None:
        chance = random.Random(seed)
        publishes = [
            text(
                chance.choice((b"x", b"y")),
                chance.choice(("", "1", "2", "3")),
                conversation=chance.choice((DEFAULT_ROOM, LOBBY)),
                caller=chance.choice((A, B)),
            )
            for _ in range(6 * ACCEPT_AT_ONCE)
        ]

        async def publish(batch: Sequence[Publish]) -> None:
            for one, outcome in zip(batch, await desk.publish(*batch), strict=True):
                if isinstance(outcome, Published):
                    answers.append((one, outcome))

        answers: list[tuple[Publish, Published]] = []
        async with trio.open_nursery() as nursery:
            for at in range(0, len(publishes), 12):
                nursery.start_soon(publish, publishes[at : at + 12])
        stored = {one.message.message_id: one.message for one in desk.store.read(0, 999, 1 << 20)}
        assert {published.message_id for _, published in answers} == set(stored)
        for asked, published in answers:
            message = stored[published.message_id]
            assert (message.room, message.data) == (asked.conversation, asked.data)
            assert (message.caller, message.client_message_id) == (
                asked.caller.name,
                asked.client_message_id,
            )

    run(scenario)
