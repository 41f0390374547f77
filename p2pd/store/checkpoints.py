"""When the write-ahead log is brought into the file: the thread that does it.

``SqliteStore`` owns one and notes what it appends. Soon after the log has grown by
some MiB, and once appends pause; a log that was brought in whole is written from
its start again, so it stays small, and an fsync of it stays cheap.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

log_line = structlog.get_logger(__name__)

GROWTH_BYTES = 4 << 20
PAUSE_S = 1.0
COMMIT_OVERHEAD_BYTES = 6 * 4096
"""What a commit adds to the log beside the messages: pages of tree and indexes."""


class Checkpoints:
    """Checkpoint after growth and in pauses.

    Args:
        checkpoint: Brings over what it can; returns whether nothing was left.
            Called in this object's own thread. It gives failures their meaning
            and returns False, so that it is tried again.
        has_thread: Whether it has one; without one the writer checkpoints, after growth.
    """

    def __init__(self, checkpoint: Callable[[], bool], *, has_thread: bool = True) -> None:
        self._checkpoint = checkpoint
        self._noted_bytes = 0
        self._done_bytes = 0
        self._work = threading.Event()
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None
        if has_thread:
            self._thread = threading.Thread(target=self._run, name="store-checkpoint", daemon=True)
            self._thread.start()

    def note(self, size_bytes: int) -> None:
        """Note a commit of so many bytes of messages; called by the one who appends."""
        was_clean = self._noted_bytes == self._done_bytes
        self._noted_bytes += size_bytes + COMMIT_OVERHEAD_BYTES
        has_grown = self._noted_bytes - self._done_bytes > GROWTH_BYTES
        if self._thread is None and has_grown:
            self._bring_over(self._noted_bytes)
        elif was_clean or has_grown:
            self._work.set()

    def close(self) -> None:
        """End the thread, after the checkpoint under way."""
        self._closing.set()
        self._work.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._closing.is_set():
            seen = self._noted_bytes
            clean = seen == self._done_bytes
            self._work.wait(None if clean else PAUSE_S)
            self._work.clear()
            noted = self._noted_bytes
            paused = not clean and noted == seen
            if not self._closing.is_set() and (paused or noted - self._done_bytes > GROWTH_BYTES):
                self._bring_over(noted)

    def _bring_over(self, noted: int) -> None:
        if self._checkpoint():
            self._done_bytes = noted
        else:
            self._done_bytes = min(noted - 1, self._done_bytes + GROWTH_BYTES)
