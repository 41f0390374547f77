"""``python -m p2pd`` on a disk that hangs once a file is there.

    python -m tests.driver.hanging_disk PROGRAM

Stands in for the disk at the store's edge: ``FILE.sync`` makes every fdatasync
wait for ever, ``FILE.commit`` every commit, ``FILE.checkpoint`` every checkpoint and
``FILE.read`` every query outside of a transaction: those inside are of its commit.
FILE is ``HANGING_DISK``; ``FILE.hung`` says that one waits.
"""

from __future__ import annotations

import os
import runpy
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

FOR_EVER_S = 3600.0


def hang_if(what: str) -> None:
    """Wait for ever if the disk is to hang there."""
    disk = os.environ["HANGING_DISK"]
    if Path(f"{disk}.{what}").exists():
        Path(f"{disk}.hung").touch()
        time.sleep(FOR_EVER_S)


def hanging_sync(real: Callable[[int], None]) -> Callable[[int], None]:
    """Make a sync that can hang."""

    def sync(descriptor: int) -> None:
        hang_if("sync")
        real(descriptor)

    return sync


class HangingConnection(sqlite3.Connection):
    """A connection whose commits, checkpoints and queries can hang."""

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        """Carry out a statement, or never return from it."""
        # A statement outside a transaction is one by itself.
        if sql == "COMMIT" or sql.lstrip().startswith("INSERT"):
            hang_if("commit")
        elif "wal_checkpoint" in sql:
            hang_if("checkpoint")
        elif sql.lstrip().startswith("SELECT") and not self.in_transaction:
            hang_if("read")
        return super().execute(sql, *arguments)


def main() -> None:
    """Put the stand-ins in their place, then run the program."""
    os.fdatasync = hanging_sync(os.fdatasync)  # type: ignore[assignment]
    os.fsync = hanging_sync(os.fsync)  # type: ignore[assignment]
    connect = sqlite3.connect

    def connect_hanging(*arguments: Any, **options: Any) -> sqlite3.Connection:
        return connect(*arguments, factory=HangingConnection, **options)

    sqlite3.connect = connect_hanging  # type: ignore[assignment]
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
