"""Leaving what may hang on a disk: in a thread, and not for longer than agreed."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager, suppress
from functools import partial
from typing import TypeVar

import structlog
import trio

T = TypeVar("T")
log_line = structlog.get_logger(__name__)


@asynccontextmanager
async def left_in_thread(
    manager: AbstractContextManager[T], what: str, deadline_s: float
) -> AsyncIterator[T]:
    """Enter a context manager here and leave it in a thread, so that the loop goes on.

    Args:
        what: What it is, for the log.
        deadline_s: How long leaving may take; after it the thread is left behind,
            and ends with the process.
    """
    value = manager.__enter__()
    try:
        yield value
    finally:
        leave = partial(manager.__exit__, None, None, None)
        if not await done_in_thread(leave, deadline_s):
            log_line.error("not closed in time", what=what, after_s=deadline_s)


async def done_in_thread(work: Callable[[], object], deadline_s: float) -> bool:
    """Do something in a thread, cancelled or not; return whether it was done in time."""
    done, token = trio.Event(), trio.lowlevel.current_trio_token()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(done.set)

    threading.Thread(target=run, name="closing", daemon=True).start()
    with trio.CancelScope(shield=True, deadline=trio.current_time() + deadline_s):
        await done.wait()
    if failures:
        raise failures[0]
    return done.is_set()
