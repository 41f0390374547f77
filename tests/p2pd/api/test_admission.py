"""The bound on calls, as a plain asyncio part."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import ExitStack

import hypothesis.strategies as st
import pytest
from hypothesis import given

from p2pd.api.admission import (
    CALM_S,
    RESERVED_PART,
    CallAdmission,
    Patience,
    Places,
    StreamAdmission,
)
from p2pd.domain.callers import LOCAL_CALLER, Caller
from p2pd.errors import LimitReachedError, NodeStoppingError


async def hold(
    calls: CallAdmission,
    gate: asyncio.Event,
    order: list[int],
    number: int,
    caller: Caller = LOCAL_CALLER,
) -> None:
    async with calls.admit(caller):
        order.append(number)
        await gate.wait()


async def turns(count: int = 3) -> None:
    """Let every task that can go on do so."""
    for _ in range(count):
        await asyncio.sleep(0)


def test_calls_wait_in_order_and_the_rest_is_refused() -> None:
    async def scenario() -> None:
        calls, gate, order = CallAdmission(2, 3), asyncio.Event(), list[int]()
        tasks = [asyncio.create_task(hold(calls, gate, order, number)) for number in range(6)]
        await turns()
        assert (order, calls.active, calls.refused) == ([0, 1], 2, 1)
        gate.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert order == [0, 1, 2, 3, 4]
        assert isinstance(outcomes[5], LimitReachedError)
        assert outcomes[5].retry_after_s > 0
        assert calls.active == 0

    asyncio.run(scenario())


@pytest.mark.parametrize("leaving", range(5))
def test_place_of_a_cancelled_call_is_not_lost(leaving: int) -> None:
    async def scenario() -> None:
        calls, gate, order = CallAdmission(2, 10), asyncio.Event(), list[int]()
        tasks = [asyncio.create_task(hold(calls, gate, order, number)) for number in range(5)]
        await turns()
        tasks[leaving].cancel()
        gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert len(order) >= 4
        assert calls.active == 0
        await asyncio.gather(*(hold(calls, gate, order, number) for number in range(2)))

    asyncio.run(scenario())


def test_call_cancelled_just_as_its_turn_comes_passes_it_on() -> None:
    async def scenario() -> None:
        calls, order = CallAdmission(1, 10), list[int]()
        first, rest = asyncio.Event(), asyncio.Event()
        holder = asyncio.create_task(hold(calls, first, order, 0))
        await turns()
        waiting = [asyncio.create_task(hold(calls, rest, order, number)) for number in (1, 2)]
        await turns()
        first.set()
        await asyncio.wait({holder})
        waiting[0].cancel()
        rest.set()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert order[-1] == 2
        assert calls.active == 0

    asyncio.run(scenario())


def test_call_cancelled_in_the_turn_in_which_a_place_comes_free_fails_by_that_only() -> None:
    async def scenario() -> None:
        calls, gate, order = CallAdmission(1, 10), asyncio.Event(), list[int]()
        holder = asyncio.create_task(hold(calls, gate, order, 0))
        await turns()
        waiting = [asyncio.create_task(hold(calls, gate, order, number)) for number in (1, 2)]
        await turns()
        # The holder goes on, and leaves, before the cancelled call does.
        gate.set()
        waiting[0].cancel()
        outcomes = await asyncio.gather(holder, *waiting, return_exceptions=True)
        assert isinstance(outcomes[1], asyncio.CancelledError), outcomes
        assert (order, calls.active) == ([0, 2], 0)

    asyncio.run(scenario())


def test_stop_refuses_those_that_wait_and_those_that_come() -> None:
    async def scenario() -> None:
        calls, gate, order = CallAdmission(1, 10), asyncio.Event(), list[int]()
        tasks = [asyncio.create_task(hold(calls, gate, order, number)) for number in range(3)]
        await turns()
        calls.stop()
        tasks.append(asyncio.create_task(hold(calls, gate, order, 3)))
        await turns()
        gate.set()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        assert outcomes[0] is None
        assert all(isinstance(outcome, NodeStoppingError) for outcome in outcomes[1:])

    asyncio.run(scenario())


def test_streams_are_counted_while_they_are_open() -> None:
    streams = StreamAdmission(1)
    with streams.admit(LOCAL_CALLER):
        assert streams.open == 1
        with pytest.raises(LimitReachedError), streams.admit(LOCAL_CALLER):
            pass
    assert (streams.open, streams.refused) == (0, 1)


LOUD, QUIET = Caller("loud"), Caller("quiet")


def test_a_caller_that_holds_every_place_keeps_no_other_caller_waiting() -> None:
    async def scenario() -> None:
        calls, gate, order = CallAdmission(8, 16), asyncio.Event(), list[int]()
        loud = [asyncio.create_task(hold(calls, gate, order, number, LOUD)) for number in range(30)]
        await turns()
        assert (calls.active, calls.refused) == (8, 30 - 8 - 16)
        quiet = asyncio.create_task(hold(calls, gate, order, 100, QUIET))
        await turns()
        assert order[-1] == 100
        gate.set()
        await asyncio.gather(quiet, *loud, return_exceptions=True)
        assert (calls.active, len(order)) == (0, 8 + 16 + 1)
        await asyncio.gather(*(hold(calls, gate, order, number, LOUD) for number in range(8)))

    asyncio.run(scenario())


def test_a_caller_that_opens_every_stream_leaves_some_for_others() -> None:
    streams = StreamAdmission(32)
    with ExitStack() as opened:
        for _ in range(32):
            opened.enter_context(streams.admit(LOUD))
        with pytest.raises(LimitReachedError), streams.admit(LOUD):
            pass
        for name in ("a", "b", "c", "d", "e", "f", "g", "h"):
            opened.enter_context(streams.admit(Caller(name)))
        with pytest.raises(LimitReachedError), streams.admit(Caller("i")):
            pass
        assert (streams.open, streams.refused) == (40, 2)
    assert streams.open == 0


@given(
    steps=st.lists(st.tuples(st.booleans(), st.sampled_from("abcdef")), max_size=200),
    max_held=st.integers(1, 40),
)
def test_places_have_a_bound_whatever_is_held_and_released(
    steps: list[tuple[bool, str]], max_held: int
) -> None:
    places, held = Places(max_held), Counter[str]()
    for is_arrival, name in steps:
        if is_arrival:
            held[name] += places.try_hold(Caller(name))
        elif held[name]:
            places.release(Caller(name))
            held[name] -= 1
        assert places.held == held.total() <= max_held + max_held // RESERVED_PART


PATIENCE = Patience(burst_s=2.0, overload_s=0.1)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


async def overloaded(
    calls: CallAdmission, clock: Clock, gate: asyncio.Event
) -> list[asyncio.Task[None]]:
    """Hold all places and let one call wait for longer than a burst lasts."""
    tasks = [asyncio.create_task(hold(calls, gate, [], number)) for number in range(5)]
    await turns()
    for _ in range(3):
        clock.now_s += CALM_S
        tasks.append(asyncio.create_task(hold(calls, gate, [], 5)))
        await turns()
    return tasks


def test_newest_call_of_a_burst_goes_first_and_none_is_refused() -> None:
    async def scenario() -> None:
        clock = Clock()
        calls, gate, order = CallAdmission(2, 10, PATIENCE, clock), asyncio.Event(), list[int]()
        tasks = [asyncio.create_task(hold(calls, gate, order, number)) for number in range(6)]
        await turns()
        clock.now_s += PATIENCE.burst_s / 2
        gate.set()
        await asyncio.gather(*tasks)
        assert order == [0, 1, 5, 4, 3, 2]
        assert calls.refused == 0

    asyncio.run(scenario())


def test_overload_refuses_at_once_what_finds_no_place_and_what_has_waited_too_long() -> None:
    async def scenario() -> None:
        clock, gate = Clock(), asyncio.Event()
        calls = CallAdmission(4, 100, PATIENCE, clock)
        tasks = await overloaded(calls, clock, gate)
        assert calls.is_shedding
        late = [task for task in tasks if task.done()]
        assert late
        for task in late:
            error = task.exception()
            assert isinstance(error, LimitReachedError)
            assert (error.reason, error.retry_after_s > 0) == ("OVERLOADED", True)
        tasks += [asyncio.create_task(hold(calls, gate, [], 9)) for _ in range(10)]
        await turns()
        assert (calls.active, calls.waiting) == (4, 2)
        assert calls.refused == len(tasks) - 6
        gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert calls.active == calls.waiting == 0

    asyncio.run(scenario())


def test_rest_of_a_burst_is_served_however_long_that_takes() -> None:
    async def scenario() -> None:
        clock, gate, order = Clock(), asyncio.Event(), list[int]()
        calls = CallAdmission(2, 10, PATIENCE, clock)
        tasks = [asyncio.create_task(hold(calls, gate, order, number)) for number in range(8)]
        await turns()
        clock.now_s += 2 * PATIENCE.burst_s
        assert not calls.is_shedding
        gate.set()
        await asyncio.gather(*tasks)
        assert (len(order), calls.refused) == (8, 0)

    asyncio.run(scenario())


def test_overload_is_over_once_no_call_has_waited_for_a_while() -> None:
    async def scenario() -> None:
        clock, gate = Clock(), asyncio.Event()
        calls = CallAdmission(4, 100, PATIENCE, clock)
        tasks = await overloaded(calls, clock, gate)
        refused = calls.refused
        gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        clock.now_s += CALM_S * 1.1
        assert not calls.is_shedding
        burst = [asyncio.create_task(hold(calls, gate, [], number)) for number in range(50)]
        await asyncio.gather(*burst)
        assert calls.refused == refused

    asyncio.run(scenario())


def test_caller_with_few_calls_finds_a_place_in_an_overload_of_another() -> None:
    async def scenario() -> None:
        clock, gate, order = Clock(), asyncio.Event(), list[int]()
        calls = CallAdmission(8, 100, PATIENCE, clock)
        loud = [asyncio.create_task(hold(calls, gate, [], 0, LOUD)) for _ in range(9)]
        for _ in range(4):
            await turns()
            clock.now_s += 0.9 * CALM_S
            loud += [asyncio.create_task(hold(calls, gate, [], 0, LOUD)) for _ in range(5)]
        await turns()
        assert calls.refuses(LOUD)
        assert not calls.refuses(QUIET)
        quiet = asyncio.create_task(hold(calls, gate, order, 1, QUIET))
        await turns()
        assert order == [1]
        gate.set()
        await asyncio.gather(quiet, *loud, return_exceptions=True)

    asyncio.run(scenario())
