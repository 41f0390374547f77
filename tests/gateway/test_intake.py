"""What a browser sent is handled in turns, in order, and not at all while something holds it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

import pytest
from websockets.frames import Frame, Opcode

from gateway.http.intake import SLICE_BYTES, TURN_BYTES, Hold, Intake


class Consumer:
    """Finds one frame in each slice, and notes what it handles and whether it reads."""

    def __init__(self) -> None:
        self.handled: list[bytes] = []
        self.is_reading = True
        self.later: deque[Callable[[], None]] = deque()
        self.intake = Intake(self, self._call_soon)

    def parse(self, part: bytes) -> list[Any]:
        return [Frame(Opcode.TEXT, part)]

    def handle(self, event: Any) -> None:
        self.handled.append(bytes(event.data))

    def set_reading(self, *, is_reading: bool) -> None:
        self.is_reading = is_reading

    def _call_soon(self, function: Callable[[], None]) -> asyncio.Handle:
        self.later.append(function)
        return None  # type: ignore[return-value]


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


def test_what_comes_within_a_turn_is_handled_at_once(consumer: Consumer) -> None:
    consumer.intake.receive(b"x" * SLICE_BYTES + b"y")
    assert consumer.handled == [b"x" * SLICE_BYTES, b"y"]
    assert (consumer.is_reading, consumer.later) == (True, deque())


def test_more_than_a_turn_waits_behind_others_without_being_read_on(consumer: Consumer) -> None:
    sent = b"".join(bytes([number]) * SLICE_BYTES for number in range(7))
    consumer.intake.receive(sent)
    assert b"".join(consumer.handled) == sent[:TURN_BYTES]
    assert (consumer.is_reading, len(consumer.later)) == (False, 1)
    consumer.later.popleft()()
    assert b"".join(consumer.handled) == sent
    assert (consumer.is_reading, consumer.intake.size_bytes) == (True, 0)


@pytest.mark.parametrize("why", [Hold.COMMANDS, Hold.REPLIES, Hold.STOPPING])
def test_nothing_is_handled_while_something_holds(consumer: Consumer, why: Hold) -> None:
    consumer.intake.hold(why)
    consumer.intake.receive(b"kept")
    assert (consumer.handled, consumer.is_reading) == ([], False)
    assert consumer.intake.size_bytes == len(b"kept")
    consumer.intake.release(why)
    consumer.later.popleft()()
    assert (consumer.handled, consumer.is_reading) == ([b"kept"], True)


def test_a_second_reason_goes_on_holding(consumer: Consumer) -> None:
    consumer.intake.hold(Hold.COMMANDS)
    consumer.intake.hold(Hold.REPLIES)
    consumer.intake.receive(b"kept")
    consumer.intake.release(Hold.COMMANDS)
    assert (consumer.handled, consumer.is_reading, consumer.later) == ([], False, deque())
