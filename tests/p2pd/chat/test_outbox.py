from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import trio
import trio.testing

from p2pd.chat.outbox import Outbox
from p2pd.domain.names import DEFAULT_ROOM, RoomName
from p2pd.store.memory_store import MemoryStore
from tests.p2pd.chat.ports import (
    OWN,
    RoomsInMemory,
    TopicsInMemory,
    deliver_nothing,
    make_membership,
    make_signed,
)
from tests.p2pd.facts import NOW_NS, make_message, message_id_of

OTHER = b"other"


class Sender:
    """A room of our own messages in a log, and the peers that take them."""

    def __init__(self) -> None:
        self.records = RoomsInMemory()
        self.store = MemoryStore(10_000, 1 << 30)
        self.seqno = NOW_NS
        self.is_anybody_there = False
        self.taken: list[int] = []
        self.restart()

    def restart(self) -> None:
        self.membership = make_membership(self.records)
        self.outbox = Outbox(self.membership, self.store, OWN, deliver_nothing)

    def keep(self, author: bytes = OWN) -> int:
        """Put the next message into the log; return its number."""
        self.seqno += 1
        message_id = message_id_of(author, self.seqno)
        message = replace(
            make_message(self.seqno), message_id=message_id, seqno=self.seqno,
            signed_bytes=b"%d" % self.seqno,
        )  # fmt: skip
        self.store.append([message])
        return self.seqno

    async def take(self, signed_bytes: bytes) -> int:
        await trio.lowlevel.checkpoint()
        if self.is_anybody_there:
            self.taken.append(int(signed_bytes))
        return int(self.is_anybody_there)

    async def publish(self) -> int:
        """Do what ``Publisher`` does with a message."""
        signed = make_signed(self.keep())
        with self.outbox.sending([signed]) as handover:
            handover.sent(signed, await self.take(signed.signed_bytes))
        return signed.seqno

    def somebody_comes(self) -> None:
        self.is_anybody_there = True
        self.outbox.room_filled(DEFAULT_ROOM)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.outbox.run, self.take)
            yield
            nursery.cancel_scope.cancel()

    @property
    def sent_until(self) -> int:
        record = self.membership.record(DEFAULT_ROOM)
        assert record is not None
        return record.sent_until

    async def wait_sent(self, seqno: int) -> None:
        with trio.fail_after(10):
            while self.sent_until < seqno:
                await trio.sleep(0.001)


def run(scenario: Callable[[Sender], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario(Sender())

    trio.run(main)


def test_what_nobody_took_is_sent_in_order_when_somebody_comes() -> None:
    async def scenario(sender: Sender) -> None:
        async with sender.running():
            numbers = []
            for _ in range(5):
                sender.keep(OTHER)
                numbers.append(await sender.publish())
            sender.somebody_comes()
            await sender.wait_sent(numbers[-1])
        assert sender.taken == numbers

    run(scenario)


def test_what_nobody_took_before_a_restart_is_sent_after_it_and_nothing_twice() -> None:
    async def scenario(sender: Sender) -> None:
        async with sender.running():
            sender.is_anybody_there = True
            first = await sender.publish()
            await sender.wait_sent(first)
            sender.is_anybody_there = False
            numbers = [await sender.publish() for _ in range(3)]
        sender.membership.save_updates()
        sender.restart()
        async with sender.running():
            sender.somebody_comes()
            await sender.wait_sent(numbers[-1])
        sender.membership.save_updates()
        sender.restart()
        async with sender.running():
            sender.somebody_comes()
            last = await sender.publish()
            await sender.wait_sent(last)
        assert sender.taken == [first, *numbers, last]

    run(scenario)


def test_it_is_known_how_many_wait_for_a_peer_over_a_restart_too() -> None:
    async def scenario(sender: Sender) -> None:
        async with sender.running():
            for number in range(1, 4):
                await sender.publish()
                assert sender.outbox.unsent_count == number
        sender.membership.save_updates()
        sender.restart()
        await sender.membership.start(TopicsInMemory())
        async with sender.running():
            sender.keep(OTHER)
            last = await sender.publish()
            await wait_until(lambda: sender.outbox.unsent_count == 4)
            sender.somebody_comes()
            await sender.wait_sent(last)
            await wait_until(lambda: sender.outbox.unsent_count == 0)

    run(scenario)


async def wait_until(condition: Callable[[], bool]) -> None:
    with trio.fail_after(10):
        while not condition():
            await trio.sleep(0.01)


def test_nothing_is_left_out_or_sent_twice_whoever_comes_and_goes_meanwhile() -> None:
    async def scenario(sender: Sender) -> None:
        chance = random.Random(7)
        numbers: list[int] = []

        async def publish_some() -> None:
            for _ in range(60):
                numbers.append(await sender.publish())
                for _ in range(chance.randrange(4)):
                    await trio.lowlevel.checkpoint()

        async def come_and_go() -> None:
            for _ in range(40):
                sender.somebody_comes()
                await trio.sleep(0.001 * chance.random())
                sender.is_anybody_there = False
                await trio.sleep(0.001 * chance.random())

        async with sender.running():
            async with trio.open_nursery() as nursery:
                for _ in range(4):
                    nursery.start_soon(publish_some)
                nursery.start_soon(come_and_go)
            sender.somebody_comes()
            await sender.wait_sent(sender.seqno)
        assert sorted(sender.taken) == sorted(numbers)

    run(scenario)


def test_a_room_that_takes_long_holds_up_no_other() -> None:
    async def scenario(sender: Sender) -> None:
        slow, quick = RoomName("slow"), RoomName("quick")
        sender.membership = make_membership(sender.records, slow, quick)
        sender.outbox = Outbox(sender.membership, sender.store, OWN, deliver_nothing)
        signed = [make_signed(NOW_NS + 10 + n, room) for n, room in enumerate((slow, quick))]
        for one in signed:
            sender.store.append(
                [
                    replace(
                        make_message(one.seqno, one.room),
                        message_id=one.message_id,
                        seqno=one.seqno,
                        signed_bytes=one.signed_bytes,
                    )
                ]
            )
        taken: list[bytes] = []

        async def send(signed_bytes: bytes) -> int:
            if signed_bytes == signed[0].signed_bytes:
                await trio.sleep_forever()
            taken.append(signed_bytes)
            return 1

        async with trio.open_nursery() as nursery:
            nursery.start_soon(sender.outbox.run, send)
            sender.outbox.room_filled(slow)
            await trio.testing.wait_all_tasks_blocked()
            sender.outbox.room_filled(quick)
            with trio.fail_after(10):
                while not taken:
                    await trio.sleep(0.001)
            nursery.cancel_scope.cancel()
        assert taken == [signed[1].signed_bytes]

    run(scenario)


def test_a_room_that_was_left_costs_nothing() -> None:
    async def scenario(sender: Sender) -> None:
        signed = make_signed(sender.keep())
        with sender.outbox.sending([signed]) as handover:
            sender.outbox.room_left(DEFAULT_ROOM)
            handover.sent(signed, 0)
        assert len(sender.outbox) == 0

    run(scenario)
