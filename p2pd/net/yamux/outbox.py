"""The frames of one connection that wait to be written, and the one task that writes them.

Owned by ``connection``; its streams put frames in through it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

MARK_BYTES = 128 * 1024
"""Writers wait above it, so that a slow peer slows them and not the memory."""


class Outbox:
    """An unbounded queue whose users are held back above 128 KiB.

    ``put`` never waits, for the answers that a reader owes its peer; the
    connection is ended where those grow beyond its bound.
    """

    def __init__(self, write: Callable[[bytes], Awaitable[None]]) -> None:
        self._write = write
        self._frames: list[bytes] = []
        self._filled = trio.lowlevel.ParkingLot()
        self._drained = trio.lowlevel.ParkingLot()
        self._is_closed = False
        self.size_bytes = 0

    def put(self, frame: bytes) -> None:
        """Add a frame; dropped where nobody writes any more."""
        if self._is_closed:
            return
        if not self._frames:
            self._filled.unpark_all()
        self._frames.append(frame)
        self.size_bytes += len(frame)

    async def wait_room(self) -> None:
        """Wait while there is more in it than the mark."""
        await self._wait_at_most(MARK_BYTES)

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
                await self._write(b"".join(frames))
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
