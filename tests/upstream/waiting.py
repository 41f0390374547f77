"""Waiting inside a scenario; the condition is looked at without awaiting."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from tests.driver.waiting import wait_until_async

T = TypeVar("T")

#: Long enough for a busy machine to do right, short enough to see stock fail.
DEADLINE_S = 10.0


async def wait_seen(
    look: Callable[[], T],
    until: Callable[[T], object] = bool,
    *,
    timeout_s: float = DEADLINE_S,
) -> T:
    """Look until ``until`` holds, then return what was seen.

    Raises:
        WaitTimeoutError: An AssertionError with the state seen last.
    """

    async def look_async() -> T:
        return look()

    return await wait_until_async(look_async, until, timeout_s=timeout_s)
