"""What the node does when its message store was found damaged.

The store sets the file aside and goes on with an empty one. This tells it, takes
over what can still be read of the old file, and leaves the rest to
synchronisation: peers have it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Never

import structlog
import trio

from p2pd.domain.messages import Message
from p2pd.domain.storage import Damage
from p2pd.errors import StorageFailedError, StorageFullError
from p2pd.log.log import Log
from p2pd.store.salvage import salvage
from p2pd.store.sqlite_store import FILE_NAME

RETRY_S = 5.0

log_line = structlog.get_logger(__name__)


class Recovery:
    """Take note of damage in any thread, see to it in the trio thread."""

    def __init__(self) -> None:
        self._damages: deque[Damage] = deque()
        self._token = trio.lowlevel.current_trio_token()
        self._wake = trio.Event()

    def note(self, damage: Damage) -> None:
        """Note damage; callable from any thread."""
        self._damages.append(damage)
        self._token.run_sync_soon(self._wake.set)

    async def run(self, log: Log, tell: Callable[[], None]) -> Never:
        """See to what is noted; ends by cancellation.

        Args:
            tell: Tells readers that the node has changed.
        """
        while True:
            await self._wake.wait()
            self._wake = trio.Event()
            while self._damages:
                log.items.forget()
                tell()
                path = Path(self._damages.popleft().path)
                if path.name != FILE_NAME:
                    await self._take_over(log, path)

    async def _take_over(self, log: Log, set_aside: Path) -> None:
        batches = salvage(set_aside)
        taken = 0
        while batch := await trio.to_thread.run_sync(_next_of, batches):
            taken += await _append(log, batch)
        log_line.info("damaged store read", path=str(set_aside), salvaged=taken)


def _next_of(batches: Iterator[Sequence[Message]]) -> Sequence[Message]:
    """Return the next batch that holds anything; an empty one at the end."""
    return next(filter(None, batches), ())


async def _append(log: Log, batch: Sequence[Message]) -> int:
    """Append what was salvaged, once there is room; return how many were new."""
    while True:
        try:
            return len(log.append(batch))
        except StorageFullError:
            await trio.sleep(RETRY_S)
        except StorageFailedError as error:
            log_line.warning("salvaged messages not kept", error=str(error))
            return 0
