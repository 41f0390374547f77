"""One fsync for everybody who waits: the thread that makes commits last.

``SqliteStore`` owns one. Callers in the trio thread wait, or are called back in this
thread without a turn of trio; while one fsync is under way those who come later gather
for the next, which covers all of them. It begins when the loop would sleep: what was
handed to peers is written to their sockets first.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import SimpleQueue

import structlog
import trio

from common.histograms import EMPTY, Histogram, HistogramValue
from p2pd.errors import StorageFailedError
from p2pd.store.message_store import WhenDurable
from p2pd.wakes import call_before_sleep

log_line = structlog.get_logger(__name__)


class _Group:
    """Callers that one fsync answers."""

    def __init__(self) -> None:
        self.token = trio.lowlevel.current_trio_token()
        self.settled: trio.Event | None = None
        self.callbacks: list[tuple[int, WhenDurable]] = []
        self.failure: str | None = None


class Durability:
    """Know up to which offset the log survives a power cut.

    Args:
        sync: Makes everything committed last and returns its last offset; called
            in this object's own thread.
        has_thread: Whether it has one; without one every caller has its own fsync.

    Attributes:
        durations: Of each fsync in seconds, for any thread.
    """

    def __init__(self, sync: Callable[[], int], *, has_thread: bool = True) -> None:
        self.durations: HistogramValue = EMPTY
        self._histogram = Histogram()
        self._sync = sync
        self._lock = threading.Lock()
        self._work: SimpleQueue[None] = SimpleQueue()
        self._gathering: _Group | None = None
        self._durable_offset = 0
        self._lost_until = 0
        self._failure: str | None = None
        self._closing = False
        self._thread: threading.Thread | None = None
        if has_thread:
            self._thread = threading.Thread(target=self._run, name="store-sync", daemon=True)
            self._thread.start()

    @property
    def failure(self) -> str | None:
        """Why nothing can be promised any more; None while all is well."""
        return self._failure

    async def wait(self, offset: int) -> None:
        """Wait until everything up to an offset is safe.

        Raises:
            StorageFailedError: It may not survive.
        """
        if offset <= self._durable_offset:
            await trio.lowlevel.checkpoint()
        else:
            await self.wait_all()
        if (loss := self._loss_of(offset)) is not None:
            raise loss

    async def wait_all(self) -> None:
        """Wait until everything committed before the call is safe.

        Raises:
            StorageFailedError: It may not survive.
        """
        with self._lock:
            group = self._gathering_group()
            if group.settled is None:
                group.settled = trio.Event()
            settled = group.settled
        if self._thread is None:
            self._settle_gathering()
        await settled.wait()
        if group.failure is not None:
            raise StorageFailedError(group.failure)

    def call_when_durable(self, offset: int, callback: WhenDurable) -> None:
        """Call back once everything up to an offset is safe, or why it may not be.

        Args:
            callback: Called once, in any thread; at once where nothing has to be waited
                for. It must not raise.
        """
        if offset <= self._durable_offset:
            callback(self._loss_of(offset))
            return
        try:
            with self._lock:
                self._gathering_group().callbacks.append((offset, callback))
        except StorageFailedError as error:
            callback(error)
        else:
            if self._thread is None:
                self._settle_gathering()

    def lose(self, until: int) -> None:
        """Handle that everything up to an offset was in a file that was set aside."""
        self._lost_until = max(self._lost_until, until)

    def close(self) -> None:
        """Answer those who wait and end the thread."""
        with self._lock:
            self._closing = True
            self._work.put(None)
        if self._thread is not None:
            self._thread.join()

    def _gathering_group(self) -> _Group:
        """Return the group that the next fsync answers; under the lock.

        Raises:
            StorageFailedError: There is no next fsync.
        """
        if self._closing:
            raise StorageFailedError("the message store is closed")
        if self._gathering is None:
            self._gathering = _Group()
            if self._thread is not None:
                call_before_sleep(partial(self._work.put, None))
        return self._gathering

    def _loss_of(self, offset: int) -> StorageFailedError | None:
        if offset > self._lost_until:
            return None
        return StorageFailedError("the message store was damaged; what it held is not safe")

    def _run(self) -> None:
        while True:
            self._work.get()
            if self._settle_gathering():
                return

    def _settle_gathering(self) -> bool:
        """Answer those who wait with one fsync; return whether nobody comes any more."""
        with self._lock:
            group, self._gathering = self._gathering, None
            closing = self._closing
        if group is not None:
            self._settle(group)
        return closing

    def _settle(self, group: _Group) -> None:
        try:
            if self._failure is None:
                begin_s = time.monotonic()
                self._durable_offset = self._sync()
                self._histogram.observe(time.monotonic() - begin_s)
                self.durations = self._histogram.value()
            group.failure = self._failure
        except OSError as error:
            # The kernel may have dropped the pages it could not write: another
            # fsync would succeed and mean nothing. Only a new start, which reads
            # what is really there, may promise again.
            self._failure = group.failure = f"the disk did not keep what was written: {error}"
            log_line.error("store sync failed", error=str(error))
        except Exception as error:
            group.failure = f"the message store cannot be used: {error}"
            log_line.error("store sync impossible", error=str(error))
        for offset, callback in group.callbacks:
            failed = None if group.failure is None else StorageFailedError(group.failure)
            callback(failed or self._loss_of(offset))
        # Nobody joins a group that was taken out of the lock.
        if group.settled is not None:
            with suppress(trio.RunFinishedError):
                group.token.run_sync_soon(group.settled.set)
