"""One lock a room, for as long as somebody holds it or waits for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from p2pd.domain.names import RoomName


class RoomLocks:
    """Locks by room; a room that nobody holds costs nothing."""

    def __init__(self) -> None:
        self._locks: dict[RoomName, trio.Lock] = {}

    def __len__(self) -> int:
        return len(self._locks)

    @asynccontextmanager
    async def hold(self, room: RoomName) -> AsyncIterator[None]:
        """Hold a room's lock inside the block; first come, first served."""
        lock = self._locks.setdefault(room, trio.Lock())
        try:
            async with lock:
                yield
        finally:
            statistics = lock.statistics()
            is_free = not statistics.locked and not statistics.tasks_waiting
            # Whoever is cancelled while it waits may find another lock in place of its own.
            if is_free and self._locks.get(room) is lock:
                del self._locks[room]
