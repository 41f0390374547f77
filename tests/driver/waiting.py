"""Waiting for a condition with a deadline; every test waits through here.

A wait that fails shows what it looked at last, so that a failure on a machine
nobody can reach still tells why.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")

#: Deadline of a wait that names none; generous, since machines are busy.
DEADLINE_S = 60.0
#: Added to a time that is promised, since a machine that runs tests may be several times
#: slower than one that the promise is for.
SLACK_S = 10.0
#: Pause between two looks.
PAUSE_S = 0.02


class WaitTimeoutError(AssertionError):
    """The deadline passed and the condition did not hold."""


def wait_until(
    look: Callable[[], T],
    until: Callable[[T], object] = bool,
    *,
    timeout_s: float = DEADLINE_S,
    ignoring: tuple[type[Exception], ...] = (),
) -> T:
    """Look again and again until what is seen satisfies ``until``; return it.

    Args:
        look: Fetches the present state.
        until: Tells whether that state is the one waited for.
        timeout_s: Seconds before giving up.
        ignoring: What ``look`` may raise while it is too early.

    Raises:
        WaitTimeoutError: with the state seen last.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            seen = look()
        except ignoring as error:
            last: object = error
        else:
            if until(seen):
                return seen
            last = seen
        if time.monotonic() >= deadline:
            raise WaitTimeoutError(_sentence(look, until, timeout_s, last))
        time.sleep(PAUSE_S)


async def wait_until_async(
    look: Callable[[], Awaitable[T]],
    until: Callable[[T], object] = bool,
    *,
    timeout_s: float = DEADLINE_S,
    ignoring: tuple[type[Exception], ...] = (),
) -> T:
    """Do what ``wait_until`` does, under asyncio or trio."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            seen = await look()
        except ignoring as error:
            last: object = error
        else:
            if until(seen):
                return seen
            last = seen
        if time.monotonic() >= deadline:
            raise WaitTimeoutError(_sentence(look, until, timeout_s, last))
        await anyio.sleep(PAUSE_S)


def _sentence(look: object, until: object, timeout_s: float, last: object) -> str:
    """Say what was waited for and what was there instead."""
    return f"waited {timeout_s:g} s for {_name(until)} of {_name(look)}; saw last: {last!r:.4000}"


def _name(function: object) -> str:
    """Name a function by its place, so that a lambda can be found."""
    code = getattr(function, "__code__", None)
    name = getattr(function, "__qualname__", repr(function))
    return f"{name} ({code.co_filename}:{code.co_firstlineno})" if code else name
