"""What SQLite's errors mean, and how a damaged file is quarantined.

Called by ``p2pd.store.succession``. A damaged file is never repaired in place
and never deleted: it is renamed, so that an operator can look at it, and
``p2pd.store.salvage`` reads what can still be read of it.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from p2pd.domain.storage import Damage
from p2pd.errors import ChatError, StorageFailedError, StorageFullError
from p2pd.store.errors import DamagedError

FULL_RETRY_S = 5.0
COMPANIONS = ("", "-wal", "-shm")
"""The files that make up one store."""

FILE_ERRORS = (sqlite3.Error, DamagedError, UnicodeDecodeError)
"""What using a file may raise; the last where SQLite quotes damaged text at Python."""

_DAMAGE = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    # Our statements and rows are right: then it is the tables that are not.
    sqlite3.SQLITE_ERROR,
    sqlite3.SQLITE_CONSTRAINT,
)
_READ_DAMAGE = (sqlite3.SQLITE_IOERR_READ, sqlite3.SQLITE_IOERR_SHORT_READ)
_FULL = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_SHMSIZE)
_QUARANTINED = r"\.damaged-\d{8}T\d{6}Z(-\d+)?"
_UNREADABLE_TEXT = "Could not decode to UTF-8"


def is_damage(error: Exception) -> bool:
    """Return whether an error means that the file is not what was written."""
    if not isinstance(error, sqlite3.Error):
        return isinstance(error, FILE_ERRORS)
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF in _DAMAGE or code in _READ_DAMAGE or str(error).startswith(_UNREADABLE_TEXT)


def is_full(error: Exception) -> bool:
    """Return whether an error means that there is no room on the disk."""
    code = getattr(error, "sqlite_errorcode", 0)
    no_room = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
    return no_room or code in _FULL


def chat_error_from(error: Exception) -> ChatError:
    """Translate an error of SQLite or of the disk for callers of the node."""
    if is_full(error):
        return StorageFullError(FULL_RETRY_S)
    return StorageFailedError(f"the message store cannot be used: {error}")


def quarantine(path: Path, reason: str, time_ns: int) -> Damage:
    """Rename a damaged store, closed everywhere, and remember the new name on disk."""
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC).strftime("%Y%m%dT%H%M%SZ")
    target = _free_name(path, f"{path.name}.damaged-{moment}")
    _rename(path, target)
    return Damage(str(target), reason, time_ns)


def finish_quarantine(path: Path) -> None:
    """Rename what a kill in the middle of a quarantine left under the old name.

    The file goes first. A write-ahead log without its file is the quarantined
    one's: SQLite would delete it, with the messages in it.
    """
    if not path.exists() and path.with_name(f"{path.name}-wal").exists():
        parted = [
            one for one in quarantined_files(path) if not one.with_name(f"{one.name}-wal").exists()
        ]
        if parted:
            _rename(path, max(parted, key=lambda one: one.stat().st_ctime_ns))


def quarantined_files(path: Path) -> list[Path]:
    """Return the quarantined stores beside a store, by name."""
    pattern = re.compile(re.escape(path.name) + _QUARANTINED)
    return sorted(one for one in path.parent.iterdir() if pattern.fullmatch(one.name))


def remove_quarantined(path: Path) -> None:
    """Remove a quarantined store of which all that can be read was brought over."""
    for companion in COMPANIONS:
        path.with_name(path.name + companion).unlink(missing_ok=True)


def _rename(path: Path, target: Path) -> None:
    for companion in COMPANIONS:
        source = path.with_name(path.name + companion)
        if source.exists():
            source.rename(target.with_name(target.name + companion))
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _free_name(path: Path, name: str) -> Path:
    target, number = path.with_name(name), 1
    while target.exists():
        number += 1
        target = path.with_name(f"{name}-{number}")
    return target
