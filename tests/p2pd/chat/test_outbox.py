from __future__ import annotations

import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trio
import trio.testing

from p2pd.chat.outbox import Waiting
from p2pd.chat.roombook import RoomBook
from p2pd.domain.messages import message_id_from_parts
from p2pd.domain.names import DEFAULT_ROOM
from p2pd.store.memory_store import MemoryStore
from tests.p2pd.facts import NOW_NS, make_message

OWN, OTHER = b"own", b"other"


class Sender:
    """A room of our own messages in a log, and the peers that take them."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "rooms.json"
        self.store = MemoryStore(10_000, 1 << 30)
        self.seqno = NOW_NS
        self.is_anybody_there = False
        self.taken: list[int] = []
        self.restart()

    def restart(self) -> None:
        self.rooms = RoomBook(self.path, [DEFAULT_ROOM], 0, NOW_NS)
        self.waiting = Waiting(self.rooms, self.store, OWN)

    def keep(self, author: bytes = OWN) -> int:
        """Put the next message into the log; return its number."""
        self.seqno += 1
        message_id = message_id_from_parts(author, self.seqno.to_bytes(8, "big"))
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
        """Do what ``Chat`` does with a message."""
        seqno = self.keep()
        self.waiting.begin(DEFAULT_ROOM, seqno)
        recipients = await self.take(b"%d" % seqno)
        self.waiting.settle(DEFAULT_ROOM, seqno, recipients)
        return seqno

    def somebody_comes(self) -> None:
        self.is_anybody_there = True
        self.waiting.room_filled(DEFAULT_ROOM)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.waiting.run, self.take)
            yield
            nursery.cancel_scope.cancel()

    async def wait_sent(self, seqno: int) -> None:
        with trio.fail_after(10):
            while self.rooms[DEFAULT_ROOM].sent_until < seqno:
                await trio.sleep(0.001)


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[Sender], object]], None]:
    def run_scenario(scenario: Callable[[Sender], object]) -> None:
        async def main() -> None:
            await scenario(Sender(tmp_path))  # type: ignore[misc]

        trio.run(main)

    return run_scenario


Run = Callable[[Callable[[Sender], object]], None]


def test_what_nobody_took_is_sent_in_order_when_somebody_comes(run: Run) -> None:
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


def test_what_nobody_took_before_a_restart_is_sent_after_it_and_nothing_twice(run: Run) -> None:
    async def scenario(sender: Sender) -> None:
        async with sender.running():
            sender.is_anybody_there = True
            first = await sender.publish()
            await sender.wait_sent(first)
            sender.is_anybody_there = False
            numbers = [await sender.publish() for _ in range(3)]
        sender.rooms.save()
        sender.restart()
        async with sender.running():
            sender.somebody_comes()
            await sender.wait_sent(numbers[-1])
        sender.rooms.save()
        sender.restart()
        async with sender.running():
            sender.somebody_comes()
            last = await sender.publish()
            await sender.wait_sent(last)
        assert sender.taken == [first, *numbers, last]

    run(scenario)


def test_nothing_is_left_out_or_sent_twice_whoever_comes_and_goes_meanwhile(run: Run) -> None:
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
