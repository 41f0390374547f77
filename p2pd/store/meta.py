"""What a store file says about itself: its epoch, where it began, who has it open.

A machine that went down without warning may have lost the newest messages of the
file, told to subscribers already though acknowledged to nobody. Their offsets
would be given again. So a file that was left open under another boot of the
machine gets a new epoch: cursors of the old one are then told to be unknown
instead of pointing past messages that their readers have never seen.
"""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from pathlib import Path

from p2pd.domain.cursors import cursor_from_text, new_epoch
from p2pd.store.connections import durable_transaction
from p2pd.store.errors import DamagedError

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_LOAD = "SELECT name, value FROM meta"
_SET = "INSERT OR REPLACE INTO meta VALUES (?, ?)"
_UNKNOWN_BOOT = "unknown"


class Meta:
    """The few facts a file holds about itself.

    Attributes:
        epoch: Name of the log in this file.
        base_offset: The offset that the first message followed.
        left_open: Whether the process that had the file before did not close it.
        last_seen_ns: The wall clock when it was last seen steady; 0 where that is
            not known.
        is_complete: Whether the file has what it inherits from those before it.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        """Read the facts.

        Raises:
            DamagedError: They make no sense.
        """
        self._connection = connection
        values = dict(connection.execute(_LOAD).fetchall())
        self.epoch = str(values.get("epoch"))
        self.base_offset = values.get("base_offset", 0)
        if cursor_from_text(f"{self.epoch}-0") is None or not isinstance(self.base_offset, int):
            raise DamagedError("it does not know its epoch")
        self._boot = str(values.get("boot", ""))
        self.left_open = bool(self._boot)
        self.is_complete = bool(values.get("complete"))
        last_seen_ns = values.get("last_seen_ns", 0)
        self.last_seen_ns = last_seen_ns if isinstance(last_seen_ns, int) else 0

    def begin(self, base_offset: int, *, tail_lost: bool) -> None:
        """Mark the file as open, on disk before anything is read from it.

        Args:
            base_offset: Where a new file begins; an old one keeps its own.
            tail_lost: The newest messages are known to be gone.
        """
        connection = self._connection
        boot = _boot_id()
        same_boot = boot == self._boot != _UNKNOWN_BOOT
        with durable_transaction(connection):
            if tail_lost or (self.left_open and not same_boot):
                self.epoch = new_epoch()
                connection.execute(_SET, ("epoch", self.epoch))
            if base_offset:
                self.base_offset = base_offset
                connection.execute(_SET, ("base_offset", base_offset))
            connection.execute(_SET, ("boot", boot))

    def complete(self) -> None:
        """Mark that the file has what it inherits; inside the transaction that writes it."""
        self._connection.execute(_SET, ("complete", 1))

    def save_last_seen(self, wall_ns: int) -> None:
        """Commit when the wall clock was last seen steady."""
        self._connection.execute(_SET, ("last_seen_ns", wall_ns))
        self.last_seen_ns = wall_ns

    def end(self) -> None:
        """Mark the file as closed in order."""
        self._connection.execute("DELETE FROM meta WHERE name = 'boot'")


def _boot_id() -> str:
    with suppress(OSError):
        return _BOOT_ID.read_text(encoding="ascii").strip() or _UNKNOWN_BOOT
    return _UNKNOWN_BOOT
