"""The threads in which the store is read, so that no event loop waits for a disk.

Each store has ``Reads``. Callers in trio use ``run_read``; those in asyncio wrap
the future of ``submit``.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from typing import Protocol, TypeVar

import trio

from p2pd.errors import StorageFailedError

THREADS = 2
"""A look-up does not wait behind one long page; more would only contend for the interpreter."""

T = TypeVar("T")


class Reads(Protocol):
    """Where queries of a store are run."""

    def submit(self, query: Callable[[], T]) -> Future[T]:
        """Run a query soon; its future fails with what the query raises."""


class ReadThreads:
    """A few threads, begun with the first query; a hung disk does not hold the process."""

    def __init__(self, threads: int = THREADS) -> None:
        self._threads = threads
        self._queries: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._is_closed = False

    def submit(self, query: Callable[[], T]) -> Future[T]:
        """Run a query soon; its future fails with what the query raises.

        Raises:
            StorageFailedError: The store is closed, or no thread can be started.
        """
        future: Future[T] = Future()

        def run() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(query())
            except BaseException as error:
                future.set_exception(error)

        with self._lock:
            if self._is_closed:
                raise StorageFailedError("the message store is closed")
            self._start_thread()
            self._queries.put(run)
        return future

    def close(self) -> None:
        """End the threads once what was submitted is done; does not wait for that."""
        with self._lock:
            self._is_closed = True
            for _ in range(self._started):
                self._queries.put(None)

    def _start_thread(self) -> None:
        """Start another thread while there are too few; a later query tries again."""
        if self._started == self._threads:
            return
        name = f"store-read-{self._started + 1}"
        try:
            threading.Thread(target=self._run, name=name, daemon=True).start()
        except RuntimeError as error:
            if not self._started:
                raise StorageFailedError(f"the message store cannot be read: {error}") from error
        else:
            self._started += 1

    def _run(self) -> None:
        while (run := self._queries.get()) is not None:
            run()


class ReadsAtOnce:
    """For a store in memory, or without threads: a query is run where it is submitted."""

    def submit(self, query: Callable[[], T]) -> Future[T]:
        """Run a query now."""
        future: Future[T] = Future()
        try:
            future.set_result(query())
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        """Do nothing: nothing is under way."""


async def run_read(reads: Reads, query: Callable[[], T]) -> T:
    """Run a query from trio and return its result.

    Cancellation: a query that has not begun is dropped; one that has, goes on unheard.
    """
    future = reads.submit(query)
    if not future.done():
        done, token = trio.Event(), trio.lowlevel.current_trio_token()

        def wake(_: Future[T]) -> None:
            with suppress(trio.RunFinishedError):
                token.run_sync_soon(done.set)

        future.add_done_callback(wake)
        try:
            await done.wait()
        finally:
            future.cancel()
    return future.result()
