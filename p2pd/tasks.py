"""The boundary of background tasks: what becomes of an exception is written here.

Every task that a nursery of the node runs in the background starts through
``run_guarded`` or ``attempt``, or names a boundary of its own. An exception that
ends such a task is logged with the task's name; it never reaches the nursery,
where it would end the node.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
import trio

from common.backoff import Backoff

FIRST_REST_S = 0.5
LONGEST_REST_S = 60.0
STEADY_S = 300.0
"""A task that ran for so long has recovered: its next failure is its first again."""

OnFailure = Callable[[Exception], None]

log = structlog.get_logger(__name__)


def _ignore(_error: Exception) -> None:
    """Do nothing besides the log line."""


async def run_guarded(
    name: str,
    task: Callable[[], Awaitable[None]],
    on_failure: OnFailure = _ignore,
    backoff: Backoff | None = None,
) -> None:
    """Run a long-lived task; start it again, later and later, whenever an exception ends it.

    Args:
        name: Names the task in the log.
        task: Makes the task; called again for each start. Its return ends it for good.
        on_failure: Called with each exception, to count it or to report it.
        backoff: Seconds between two starts.

    Cancellation: ends the task.
    """
    rests = backoff or Backoff(FIRST_REST_S, LONGEST_REST_S)
    while True:
        started_s = trio.current_time()
        if await attempt(name, task, on_failure):
            return
        if trio.current_time() - started_s > STEADY_S:
            rests.reset()
        await trio.sleep(rests.next_delay_s())


async def attempt(
    name: str, task: Callable[[], Awaitable[None]], on_failure: OnFailure = _ignore
) -> bool:
    """Run a task once and log the exception that ends it.

    Returns:
        Whether the task ended by itself, without an exception.
    """
    succeeded = False
    try:
        await task()
        succeeded = True
    # The boundary. ``except*`` lets a cancellation go on that came together with a failure.
    except* Exception as group:
        error = _only(group)
        log.error("task failed", task=name, exc_info=error)
        try:
            on_failure(error)
        except Exception:
            log.exception("failure of a task not reported", task=name)
    return succeeded


def _only(group: ExceptionGroup[Exception]) -> Exception:
    """Return the exception inside groups of one, else the group."""
    error: Exception = group
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        (error,) = error.exceptions
    return error
