from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from p2pd.wakes import MAX_TURNS, call_before_sleep

Scenario = Callable[[list[str]], Awaitable[None]]


def run(scenario: Scenario) -> list[str]:
    happened: list[str] = []

    async def main() -> None:
        with trio.fail_after(60):
            await scenario(happened)

    trio.run(main)
    return happened


async def turn(happened: list[str]) -> None:
    await trio.lowlevel.checkpoint()
    happened.append("turn")


def test_threads_are_woken_behind_what_is_ready_to_run_and_before_the_loop_sleeps() -> None:
    async def scenario(happened: list[str]) -> None:
        woken = trio.Event()
        token = trio.lowlevel.current_trio_token()

        def wake() -> None:
            happened.append("woken")
            # As another thread that was woken would: the loop itself is about to sleep.
            token.run_sync_soon(woken.set)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(turn, happened)
            call_before_sleep(wake)
            call_before_sleep(lambda: happened.append("woken too"))
            await woken.wait()

    assert run(scenario) == ["turn", "woken", "woken too"]


def test_a_loop_that_never_sleeps_keeps_nobody_waiting() -> None:
    async def scenario(happened: list[str]) -> None:
        call_before_sleep(lambda: happened.append("woken"))
        for _ in range(2 * MAX_TURNS):
            await turn(happened)

    turns = run(scenario)
    assert turns.index("woken") <= MAX_TURNS
