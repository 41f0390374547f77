"""Rooms that are forgotten: left, and their messages erased from the disk. Called by the API."""

from __future__ import annotations

import structlog
import trio

from p2pd.chat.membership import Membership
from p2pd.chat.search import Search
from p2pd.domain.names import RoomName
from p2pd.log.log import Log
from p2pd.workers import WORKER_THREADS, Workers

SLICE = 64
"""Messages removed before other tasks run."""

log_line = structlog.get_logger(__name__)


class Forgetting:
    """Forget rooms, one at a time."""

    def __init__(
        self,
        log: Log,
        membership: Membership,
        search: Search,
        workers: Workers = WORKER_THREADS,
    ) -> None:
        self._log = log
        self._membership = membership
        self._search = search
        self._workers = workers
        self._lock = trio.Lock()

    async def forget(self, room: RoomName) -> None:
        """Leave a room, and erase every message of it; not joined is fine.

        Cancellation: some are removed, and may not be erased yet; call it again.

        Raises:
            StorageFullError: There is no room to write the store anew; the messages are
                removed but not erased.
            StorageFailedError: The disk refuses.
        """
        async with self._lock:
            await self._membership.leave(room)
            removed = 0
            while count := self._log.store.forget(room, SLICE):
                removed += count
                await trio.lowlevel.checkpoint()
            await self._search.clear()
            await self._workers.run(self._log.store.erase)
            log_line.info("room forgotten", removed=removed)
