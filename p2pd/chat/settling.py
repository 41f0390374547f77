"""Publishes that no task waits for, from their place in the log to their answers.

``Publisher`` owns the one ``Settling``. A batch is settled by the thread of the fsync:
readers are woken and the caller is answered in one go, so that the thread of the API
wakes once for both, and other peers have the processor while the disk is at work.
Where the disk is slow readers do not wait for it: ``run`` wakes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Never

import trio

from common.histograms import Histogram
from p2pd.chat.answers import Answers
from p2pd.chat.batch import Batch, Outcome
from p2pd.errors import ChatError
from p2pd.log.log import Log

READERS_WAIT_S = 0.05
"""After so long, or twice as long, readers are woken though the disk has not answered."""

Settled = Callable[[list[Outcome]], None]


class Settling:
    """Batches that are in the log, and handed to peers, but not on disk yet."""

    def __init__(self, log: Log, answers: Answers) -> None:
        self._log = log
        self._answers = answers
        self._durations = Histogram()
        self._open: set[Batch] = set()
        """Filled in trio, emptied in any thread."""
        self._begun = trio.Event()

    @property
    def durations(self) -> Histogram:
        """Durations of publishes in seconds, from acceptance to when they are durable; in trio."""
        self._answers.finish_settled()
        return self._durations

    def call_when_durable(
        self, batch: Batch, begin_s: float, new_count: int, settled: Settled
    ) -> None:
        """Call back once a batch is safe on disk, or may not be; perhaps at once.

        Args:
            begin_s: When it was accepted, on the monotonic clock.
            new_count: How many of it are in the log now, whose readers were not woken.
            settled: Given what became of each publish, in any thread; must not raise.
        """
        settle = partial(self._settle, batch, begin_s, new_count, settled)
        if not batch.has_published:
            settle(None)
            return
        self._open.add(batch)
        self._begun.set()
        self._log.store.call_when_durable(self._log.store.last_offset, settle)

    async def run(self) -> Never:
        """Wake the readers of what the disk takes long for."""
        while True:
            await self._begun.wait()
            self._begun = trio.Event()
            await trio.sleep(READERS_WAIT_S)
            if self._open:
                self._log.wake_readers()
                self._begun.set()

    def _settle(
        self,
        batch: Batch,
        begin_s: float,
        new_count: int,
        settled: Settled,
        error: ChatError | None,
    ) -> None:
        """Answer; called in any thread, when nothing in trio uses the batch any more."""
        self._open.discard(batch)
        if error is not None:
            batch.fail(error)
        if new_count:
            self._log.wake_readers()
        took_s = time.monotonic() - begin_s
        self._answers.finish_later(partial(self._finish, batch, took_s, new_count))
        settled(batch.outcomes)

    def _finish(self, batch: Batch, took_s: float, new_count: int) -> None:
        if batch.has_published:
            self._durations.observe(took_s, new_count)
        batch.store_answers()
        self._answers.release(batch.keys)
