"""Where work that blocks is done: in worker threads, or in place.

Given to the parts that read the store from trio, by ``p2pd.node``. A simulation in
virtual time works in place: its clock must not jump while a thread works.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeVar

import trio

T = TypeVar("T")


class Workers(Protocol):
    """Does work that blocks."""

    async def run(self, work: Callable[[], T], *, limiter: trio.CapacityLimiter | None = None) -> T:
        """Do a piece of work and return its result.

        Args:
            limiter: Whose turn the work waits for; None is trio's own.

        Cancellation: at once, where the work is done in a thread; that comes to its end
            by itself.
        """


class WorkerThreads:
    """Trio's worker threads."""

    async def run(self, work: Callable[[], T], *, limiter: trio.CapacityLimiter | None = None) -> T:
        """Do a piece of work in a thread; see ``Workers``."""
        return await trio.to_thread.run_sync(  # the stubs are of an older trio
            work,
            abandon_on_cancel=True,  # type: ignore[call-arg]
            limiter=limiter,
        )


class InPlace:
    """The calling task itself: nothing else runs meanwhile."""

    async def run(self, work: Callable[[], T], *, limiter: trio.CapacityLimiter | None = None) -> T:
        """Do a piece of work here; see ``Workers``."""
        await trio.lowlevel.checkpoint()
        return work()


WORKER_THREADS = WorkerThreads()
