"""The frames of one connection that wait to be written, and the one task that writes them.

Owned by ``connection``; its streams put frames in through it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

import trio

MARK_BYTES = 128 * 1024
"""Writers wait above it, so that a slow peer slows them and not the memory."""


@runtime_checkable
class InstantWriter(Protocol):
    """A connection that can send from any task, where its socket takes it at once."""

    @property
    def can_write_now(self) -> bool:
        """Whether ``write_now`` may be called."""

    def write_now(self, data: bytes) -> bool:
        """Send; return whether all of it was sent, else ``write`` sends the rest.

        Raises:
            Exception: The connection broke.
        """


class FrameOutbox:
    """An unbounded queue whose users are held back above 128 KiB.

    ``put`` and ``put_now`` never wait, for the answers that a reader owes its peer; the
    connection is ended where those grow beyond its bound.

    Args:
        instant: Sends what comes while nothing waits, without a turn of the writer.
    """

    def __init__(
        self, write: Callable[[bytes], Awaitable[None]], instant: InstantWriter | None = None
    ) -> None:
        self._write = write
        self._instant = instant
        self._is_writing = False
        self._frames: list[bytes] = []
        self._filled = trio.lowlevel.ParkingLot()
        self._drained = trio.lowlevel.ParkingLot()
        self._is_closed = False
        self.size_bytes = 0

    @property
    def is_free(self) -> bool:
        """Whether ``put_now`` sends at once: nothing is before it, and the socket takes it."""
        is_empty = not (self._frames or self._is_writing or self._is_closed)
        return is_empty and self._instant is not None and self._instant.can_write_now

    def put(self, frame: bytes) -> None:
        """Add a frame; dropped where nobody writes any more."""
        if self._is_closed:
            return
        if not self._frames:
            self._filled.unpark_all()
        self._frames.append(frame)
        self.size_bytes += len(frame)

    def put_now(self, frame: bytes) -> None:
        """Send a frame at once where nothing is before it; else add it."""
        instant = self._instant
        if instant is None or not self.is_free:
            self.put(frame)
            return
        try:
            if not instant.write_now(frame):
                self.put(b"")
        # The writer meets the same end and ends the connection.
        except Exception:
            self.put(frame)

    async def wait_room(self) -> None:
        """Wait while there is more in it than the mark; else it costs no turn of the loop."""
        if self.size_bytes > MARK_BYTES:
            await self._wait_at_most(MARK_BYTES)
        else:
            await trio.lowlevel.checkpoint_if_cancelled()

    async def wait_empty(self) -> None:
        """Wait until all is written, or nobody writes any more."""
        await self._wait_at_most(0)

    async def write_all(self) -> None:
        """Write what is in it, all of it at once, whenever there is something.

        Raises:
            Exception: What the connection below raises; nothing is written after.
        """
        try:
            while True:
                while not self._frames:
                    await self._filled.park()
                frames, self._frames = self._frames, []
                self._is_writing = True
                await self._write(b"".join(frames))
                self._is_writing = False
                self.size_bytes = sum(map(len, self._frames))
                self._drained.unpark_all()
        finally:
            self._is_closed = True
            self._frames.clear()
            self.size_bytes = 0
            self._drained.unpark_all()

    async def _wait_at_most(self, size_bytes: int) -> None:
        await trio.lowlevel.checkpoint()
        while self.size_bytes > size_bytes:
            await self._drained.park()
