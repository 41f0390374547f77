from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Never

import pytest
import trio
import trio.testing

from common.backoff import Backoff
from p2pd.tasks import attempt, run_guarded


def _run(scenario: Callable[[], Awaitable[None]]) -> None:
    trio.run(scenario, clock=trio.testing.MockClock(autojump_threshold=0))


def test_a_task_that_fails_is_started_again_later_and_later() -> None:
    starts: list[float] = []
    failures: list[Exception] = []

    async def task() -> None:
        starts.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if len(starts) < 5:
            raise ValueError(len(starts))

    async def scenario() -> None:
        await run_guarded("five", task, failures.append, Backoff(1.0, 100.0))

    _run(scenario)
    waits = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert waits == sorted(waits)
    assert waits[-1] > 4.0
    assert [error.args for error in failures] == [(1,), (2,), (3,), (4,)]


def test_a_task_that_ran_long_starts_again_soon() -> None:
    starts: list[float] = []

    async def task() -> None:
        starts.append(trio.current_time())
        await trio.sleep(1_000.0)
        if len(starts) < 10:
            raise ValueError

    async def scenario() -> None:
        await run_guarded("steady", task, backoff=Backoff(1.0, 600.0))

    _run(scenario)
    waits = [later - earlier for earlier, later in itertools.pairwise(starts)]
    assert max(waits) < 1_002.0


def test_cancelling_ends_a_task_although_it_fails_at_that_moment() -> None:
    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise ValueError("on the way out")

    async def task() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            nursery.start_soon(trio.sleep_forever)

    async def scenario() -> None:
        with trio.move_on_after(1.0) as scope:
            await run_guarded("cancelled", task)
        assert scope.cancelled_caught

    _run(scenario)


def test_no_exception_of_a_task_reaches_the_nursery() -> None:
    async def task(error: Exception) -> Never:
        await trio.lowlevel.checkpoint()
        raise error

    def report(_error: Exception) -> None:
        raise RuntimeError("the report fails as well")

    async def scenario() -> None:
        errors = [ValueError(), ExceptionGroup("two", [KeyError(), OSError()])]
        async with trio.open_nursery() as nursery:
            for error in errors:
                nursery.start_soon(attempt, "one", partial(task, error), report)

    _run(scenario)


def test_what_ends_a_process_is_no_failure_of_a_task() -> None:
    async def task() -> Never:
        raise KeyboardInterrupt

    async def scenario() -> None:
        await run_guarded("interrupted", task)

    with pytest.raises(KeyboardInterrupt):
        _run(scenario)
