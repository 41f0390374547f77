"""What sessions ask the store, in worker threads, and what that costs.

Used by ``p2pd.sync.session_runner``. Sessions of one role share a thread, so that
peers who ask much cost a thread's time and not the node's.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import trio

from p2pd.workers import Workers

T = TypeVar("T")


async def answer_in_thread(
    workers: Workers, limiter: trio.CapacityLimiter, answer: Callable[[], T]
) -> tuple[T, float]:
    """Return an answer, and how many seconds a thread worked for it.

    Cancellation: At once; the thread comes to its end by itself.
    """

    def timed() -> tuple[T, float]:
        started_s = time.thread_time()
        return answer(), time.thread_time() - started_s

    return await workers.run(timed, limiter=limiter)
