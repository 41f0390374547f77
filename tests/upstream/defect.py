"""Runs one scenario on the stock library, where it must fail, and on ours, where it must pass.

Used by every module of ``tests/upstream``. A correction whose scenario passes
on the stock library is no longer needed, and the test says so.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import pytest
import trio
import trio.testing

from tests.upstream.stacks import OURS, STOCK, Stack

Scenario = Callable[[Stack], Awaitable[None]]

#: Seconds after which a scenario is cut off; each should need far fewer.
SCENARIO_TIMEOUT_S = 90.0


def defect(
    number: int,
    title: str,
    *,
    fails_with: tuple[type[BaseException], ...] = (AssertionError,),
    timeout_s: float = SCENARIO_TIMEOUT_S,
    clock_rate: float = 1.0,
) -> Callable[[Scenario], Callable[[Stack], None]]:
    """Make two tests of a scenario, one for each stack.

    Args:
        number: The row of ``p2pd/net/patches/README.md``.
        title: What the stock library does wrong, in a few words.
        fails_with: How the scenario fails on the stock library; one of the
            exceptions that end it, groups flattened, must be of these types.
        timeout_s: Seconds after which the scenario ends with TooSlowError.
        clock_rate: How much faster than the machine's the clock of trio runs.
    """

    def decorate(scenario: Scenario) -> Callable[[Stack], None]:
        @pytest.mark.upstream
        @pytest.mark.parametrize(
            "stack",
            [OURS, pytest.param(STOCK, marks=pytest.mark.stock)],
            ids=lambda stack: stack.name,
        )
        def test(stack: Stack) -> None:
            if stack.is_ours:
                _run_clocked(scenario, stack, timeout_s, clock_rate)
            else:
                name = f"{number} ({title})"
                _expect_failure(scenario, stack, timeout_s, clock_rate, name, fails_with)

        test.__name__ = scenario.__name__
        test.__doc__ = scenario.__doc__
        test.__module__ = scenario.__module__
        return test

    return decorate


def _run_clocked(scenario: Scenario, stack: Stack, timeout_s: float, clock_rate: float) -> None:
    clock = None if clock_rate == 1.0 else trio.testing.MockClock(rate=clock_rate)
    trio.run(_run_bounded, scenario, stack, timeout_s, clock=clock)


async def _run_bounded(scenario: Scenario, stack: Stack, timeout_s: float) -> None:
    """Run the scenario, cut off after ``timeout_s``."""
    with trio.fail_after(timeout_s):
        await scenario(stack)


def _expect_failure(
    scenario: Scenario,
    stack: Stack,
    timeout_s: float,
    clock_rate: float,
    name: str,
    fails_with: tuple[type[BaseException], ...],
) -> None:
    """Run the scenario on the stock library and demand that it fails as described."""
    try:
        _run_clocked(scenario, stack, timeout_s, clock_rate)
    except (Exception, BaseExceptionGroup) as error:
        if any(isinstance(leaf, fails_with) for leaf in _leaves(error)):
            return
        raise
    pytest.fail(f"the stock library passes: correction {name} can go")


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """List the exceptions inside nested groups, and what they were raised from."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
        return
    yield error
    if error.__cause__ is not None:
        yield from _leaves(error.__cause__)
