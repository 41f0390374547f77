"""What a session asks the store, in worker threads, and what that costs.

Made by ``p2pd.sync.service`` for each session. Sessions of one role take
turns, so that peers who ask much cost a thread's time and not the node's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import trio

from p2pd.sync.errors import SyncLimitError

T = TypeVar("T")

MAX_SPENT_S = 30.0
"""Seconds of a thread for one session; the first look at a large room takes some."""


class WorkerBudget:
    """One session's requests.

    Attributes:
        spent_s: Seconds that threads worked for them.
    """

    def __init__(self, limiter: trio.CapacityLimiter) -> None:
        self.spent_s = 0.0
        self._limiter = limiter

    async def ask(self, request: Callable[[], T]) -> T:
        """Have a worker thread answer.

        Raises:
            SyncLimitError: The session has used up its time.

        Cancellation: At once; the thread comes to its end by itself.
        """
        if self.spent_s > MAX_SPENT_S:
            raise SyncLimitError("too much of this node's time")

        def answer() -> T:
            started_s = time.thread_time()
            try:
                return request()
            finally:
                self.spent_s += time.thread_time() - started_s

        return await trio.to_thread.run_sync(
            answer,
            abandon_on_cancel=True,  # type: ignore[call-arg]
            limiter=self._limiter,
        )
