"""Frames that leave at once, and those that have to wait, over a writer that is watched."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from p2pd.net.yamux.outbox import MARK_BYTES, FrameOutbox


class Wire:
    """What was written, and how much of it the socket takes at once."""

    def __init__(self) -> None:
        self.sent = b""
        self.unsent = b""
        self.takes_bytes = 1 << 30
        self.is_broken = False
        self.gate = trio.Event()
        self.gate.set()
        self.writes = 0

    @property
    def can_write_now(self) -> bool:
        return not self.unsent

    def write_now(self, data: bytes) -> bool:
        if self.is_broken:
            raise OSError("broken")
        self.sent += data[: self.takes_bytes]
        self.unsent = data[self.takes_bytes :]
        return not self.unsent

    async def write(self, data: bytes) -> None:
        self.writes += 1
        await self.gate.wait()
        if self.is_broken:
            raise OSError("broken")
        data, self.unsent = self.unsent + data, b""
        self.sent += data


@asynccontextmanager
async def written(wire: Wire) -> AsyncIterator[FrameOutbox]:
    outbox = FrameOutbox(wire.write, wire)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.write_all)
        await trio.testing.wait_all_tasks_blocked()
        yield outbox
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_a_frame_leaves_without_a_turn_of_the_loop() -> None:
    wire = Wire()
    async with written(wire) as outbox:
        outbox.put_now(b"one")
        assert wire.sent == b"one"
        with trio.testing.assert_no_checkpoints():
            outbox.put_now(b"two")
        await trio.testing.wait_all_tasks_blocked()
        assert (wire.sent, wire.writes) == (b"onetwo", 0)


@pytest.mark.trio
async def test_what_the_socket_does_not_take_goes_before_what_follows() -> None:
    wire = Wire()
    async with written(wire) as outbox:
        wire.takes_bytes = 2
        outbox.put_now(b"first")
        outbox.put_now(b"second")
        assert wire.sent == b"fi"
        await trio.testing.wait_all_tasks_blocked()
        assert wire.sent == b"firstsecond"


@pytest.mark.trio
async def test_no_frame_overtakes_one_that_is_being_written() -> None:
    wire = Wire()
    async with written(wire) as outbox:
        wire.gate = trio.Event()
        outbox.put(b"queued")
        await trio.testing.wait_all_tasks_blocked()
        outbox.put_now(b"later")
        assert wire.sent == b""
        wire.gate.set()
        await trio.testing.wait_all_tasks_blocked()
        assert wire.sent == b"queuedlater"


@pytest.mark.trio
async def test_a_connection_that_breaks_under_a_frame_ends_its_writer() -> None:
    wire = Wire()
    outbox = FrameOutbox(wire.write, wire)
    with trio.fail_after(5), pytest.RaisesGroup(OSError):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outbox.write_all)
            await trio.testing.wait_all_tasks_blocked()
            wire.is_broken = True
            outbox.put_now(b"lost")


@pytest.mark.trio
async def test_writers_wait_above_the_mark() -> None:
    wire = Wire()
    async with written(wire) as outbox:
        wire.gate = trio.Event()
        outbox.put(b"x")
        await trio.testing.wait_all_tasks_blocked()
        outbox.put_now(b"y" * (MARK_BYTES + 1))
        with trio.move_on_after(0) as scope:
            await outbox.wait_room()
        assert scope.cancelled_caught
        wire.gate.set()
        with trio.fail_after(5):
            await outbox.wait_room()
