"""What the node does when its message store was found damaged.

The store quarantines the file and goes on with an empty one. This reports it, and
appends what can still be read of the quarantined file; peers have the rest. How
far a file was read is stored beside the messages, so that a salvage that a kill or
a failing disk interrupts goes on at the next start.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Never, Protocol, TypeVar

import structlog
import trio

from common.backoff import Backoff
from p2pd.domain.names import PeerId
from p2pd.domain.storage import Damage
from p2pd.errors import ChatError, StorageFullError
from p2pd.log.log import Log
from p2pd.net.direct.records import stored_record_reader
from p2pd.net.pubsub.verified import signed_message_reader
from p2pd.store.salvage import Salvaged, Verify, salvage

CHECK_INTERVAL_S = 5.0
FULL_RETRY_S = 5.0
LONGEST_RETRY_S = 300.0

T = TypeVar("T")
log_line = structlog.get_logger(__name__)


class Quarantine(Protocol):
    """The quarantined files of a store, and how far each was read."""

    def unread_quarantined(self) -> dict[Path, int]:
        """Return the files not read whole yet, and the offset each was read to."""

    def save_quarantined(self, path: Path, read_until: int | None) -> None:
        """Commit how far a file was read; None is the end."""


class StoreRecovery:
    """Report damage found in any thread, and salvage in the trio thread."""

    def __init__(self) -> None:
        self._has_damage = threading.Event()
        self._token = trio.lowlevel.current_trio_token()
        self._wake = trio.Event()

    def report_damage(self, damage: Damage) -> None:
        """Have ``run`` report a damage; callable from any thread."""
        self._has_damage.set()
        self._token.run_sync_soon(self._wake.set)

    async def run(
        self,
        log: Log,
        quarantine: Quarantine | None,
        verify: Verify,
        report: Callable[[], None],
    ) -> Never:
        """Salvage what an earlier start or this one quarantined; ends by cancellation.

        Args:
            quarantine: None where the log is in memory: it is salvaged when the
                node stores messages on disk again.
            report: Emits to readers that the node has changed.
        """
        backoff = Backoff(CHECK_INTERVAL_S, LONGEST_RETRY_S)
        while True:
            if self._has_damage.is_set():
                self._has_damage.clear()
                log.items.forget()
                report()
            delay_s = CHECK_INTERVAL_S
            try:
                if quarantine is not None:
                    await salvage_all(log, quarantine, verify)
                backoff.reset()
            except ChatError as error:
                delay_s = backoff.next_delay_s()
                log_line.warning("salvage interrupted", error=str(error), retry_s=delay_s)
            with trio.move_on_after(delay_s):
                await self._wake.wait()
                self._wake = trio.Event()


def message_reader(own_id: PeerId) -> Verify:
    """Return what reads stored messages again, those of rooms and those of single peers."""
    of_rooms, of_peers = signed_message_reader(), stored_record_reader(own_id)
    return lambda signed: of_rooms(signed) or of_peers(signed)


async def salvage_all(log: Log, quarantine: Quarantine, verify: Verify) -> None:
    """Append what can be read of every quarantined file that was not read whole yet."""
    for path, read_until in quarantine.unread_quarantined().items():
        await _bring_over(log, quarantine, path, verify, read_until)


async def _bring_over(
    log: Log, quarantine: Quarantine, path: Path, verify: Verify, read_until: int
) -> None:
    """Append what can be read of a quarantined file, from where it was read to.

    Each batch is committed before the mark that it was read; what is read twice is
    in the log already.
    """
    log_line.info("damaged store being read", path=str(path), after=read_until)
    salvaged = 0
    batches = salvage(path, verify, read_until)
    while batch := await trio.to_thread.run_sync(_next_of, batches):
        salvaged += await _append(log, quarantine, path, batch)
    quarantine.save_quarantined(path, None)
    log_line.info("damaged store read", path=str(path), salvaged=salvaged)


async def _append(log: Log, quarantine: Quarantine, path: Path, batch: Salvaged) -> int:
    """Append a batch, then mark it as read; return how many messages were new."""
    appended = await _once_there_is_room(lambda: log.append(batch.messages))
    await _once_there_is_room(lambda: quarantine.save_quarantined(path, batch.read_until))
    return len(appended)


async def _once_there_is_room(write: Callable[[], T]) -> T:
    while True:
        try:
            result = write()
        except StorageFullError:
            await trio.sleep(FULL_RETRY_S)
        else:
            await trio.lowlevel.checkpoint()
            return result


def _next_of(batches: Iterator[Salvaged]) -> Salvaged | None:
    return next(batches, None)
