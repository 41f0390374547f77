"""The bridge between a real trio and a real asyncio loop in another thread."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import pytest
import trio

from p2pd.api.bridge import Bridge
from p2pd.errors import NodeStoppingError, RoomNotJoinedError

Scenario = Callable[[Bridge], Awaitable[Any]]
DEADLINE_S = 30.0


class CountingToken:
    """A trio token that counts how often trio is woken."""

    def __init__(self, token: trio.lowlevel.TrioToken) -> None:
        self._token = token
        self.wakes = 0

    def run_sync_soon(self, function: Callable[[], None]) -> None:
        self.wakes += 1
        self._token.run_sync_soon(function)


def run(scenario: Scenario, close_when: trio.Event | None = None) -> Any:
    """Run a scenario in an asyncio loop of another thread, bridged to a trio here."""

    async def in_loop(bridge: Bridge) -> Any:
        bridge.attach(asyncio.get_running_loop())
        return await asyncio.wait_for(scenario(bridge), DEADLINE_S)

    async def in_trio() -> Any:
        async with trio.open_nursery() as nursery:
            bridge = Bridge(nursery)
            if close_when is not None:
                nursery.start_soon(_close_later, bridge, close_when)
            result = await trio.to_thread.run_sync(asyncio.run, in_loop(bridge))
            bridge.close()
            nursery.cancel_scope.cancel()
        return result

    return trio.run(in_trio)


async def _close_later(bridge: Bridge, event: trio.Event) -> None:
    await event.wait()
    bridge.close()


async def answer(value: int) -> int:
    await trio.sleep(0)
    return value


def test_answers_come_back_to_those_who_asked() -> None:
    async def scenario(bridge: Bridge) -> list[int]:
        calls = [bridge.run(partial(answer, number)) for number in range(100)]
        return await asyncio.gather(*calls, bridge.call(lambda: 100))

    assert run(scenario) == list(range(101))


def test_a_burst_wakes_trio_a_few_times() -> None:
    async def scenario(bridge: Bridge) -> int:
        counting = CountingToken(bridge._trio)
        bridge._trio = counting  # type: ignore[assignment]
        tasks = [asyncio.create_task(bridge.run(partial(answer, n))) for n in range(500)]
        await bridge.call(lambda: None)
        await asyncio.gather(*tasks)
        return counting.wakes

    assert run(scenario) <= 100


def test_a_burst_of_signals_arrives_once_and_the_last_is_never_lost() -> None:
    async def scenario(bridge: Bridge) -> tuple[int, int]:
        told, arrived = 0, []
        signal = bridge.coalesced(lambda: arrived.append(told))

        def tell() -> None:
            nonlocal told
            for _ in range(1_000):
                told += 1
                signal()

        for _ in range(20):
            await bridge.call(tell)
        while not arrived or arrived[-1] != told:
            await asyncio.sleep(0.001)
        return len(arrived), told

    arrivals, told = run(scenario)
    assert told == 20_000
    assert arrivals < 1_000


@pytest.mark.parametrize("kind", ["run", "call"])
def test_error_crosses_as_it_is(kind: str) -> None:
    def fail() -> None:
        raise RoomNotJoinedError("x")

    async def fail_later() -> None:
        await trio.sleep(0)
        fail()

    async def scenario(bridge: Bridge) -> None:
        await (bridge.run(fail_later) if kind == "run" else bridge.call(fail))

    with pytest.raises(RoomNotJoinedError):
        _raise_leaf(partial(run, scenario))


def test_close_cancels_what_runs_and_no_cancellation_crosses() -> None:
    begun = trio.Event()

    async def never() -> None:
        begun.set()
        await trio.sleep_forever()

    async def scenario(bridge: Bridge) -> list[BaseException]:
        running, waiting = bridge.run(never), bridge.run(never)
        outcomes = await asyncio.gather(running, waiting, return_exceptions=True)
        late = await asyncio.gather(bridge.call(lambda: None), return_exceptions=True)
        return [one for one in (*outcomes, *late) if one is not None]

    outcomes = run(scenario, close_when=begun)
    assert [type(outcome) for outcome in outcomes] == [NodeStoppingError] * 3


def test_work_goes_on_when_nobody_waits_for_it_any_more() -> None:
    begun, ended = [], []

    async def work() -> None:
        begun.append(1)
        await trio.sleep(0.05)
        ended.append(1)

    async def scenario(bridge: Bridge) -> None:
        task = asyncio.create_task(bridge.run(work))
        while not begun:
            await asyncio.sleep(0.001)
        task.cancel()
        while not ended:
            await asyncio.sleep(0.001)

    run(scenario)
    assert ended == [1]


def _raise_leaf(function: Callable[[], Any]) -> None:
    try:
        function()
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None
