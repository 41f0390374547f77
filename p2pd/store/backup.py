"""A copy of the message store, made while a node uses it or while none does.

Called by the command ``p2pd backup``, in a process of its own. The copy is one
file, consistent as of one moment: all that was committed before is in it.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from p2pd.domain.cursors import new_epoch
from p2pd.store.connections import open_reader, transaction
from p2pd.store.damage import COMPANIONS, FILE_ERRORS, sync_directory
from p2pd.store.errors import BackupError
from p2pd.store.schema import APPLICATION_ID


def back_up(store: Path, target: Path) -> None:
    """Write a copy of a store; what is at ``target`` before is replaced by all of it or stays.

    The copy is a log of its own: cursors of the original are unknown to it, since
    their offsets may be given again to other messages.

    Raises:
        BackupError: It cannot be made; the message says why.
    """
    if not store.is_file():
        raise BackupError(f"there is no message store at {store}")
    if target.is_dir():
        raise BackupError(f"{target} is a directory; name a file")
    if target.resolve() in {store.with_name(f"{store.name}{one}").resolve() for one in COMPANIONS}:
        raise BackupError(f"{target} is the message store itself")
    try:
        _write(store, target)
    except (*FILE_ERRORS, OSError) as error:
        raise BackupError(f"no backup was written to {target}: {error}") from error


def _write(store: Path, target: Path) -> None:
    descriptor, name = tempfile.mkstemp(".new", f".{target.name}.", target.parent)
    os.close(descriptor)
    draft = Path(name)
    try:
        with closing(open_reader(store)) as source, closing(_open_draft(draft)) as copy:
            _check(store, source)
            # In one step: what is written meanwhile cannot make it start again.
            source.backup(copy, pages=-1)
            copy.execute("PRAGMA journal_mode = DELETE")
            _begin_new_log(copy)
        draft.replace(target)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def _open_draft(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def _check(store: Path, source: sqlite3.Connection) -> None:
    (application_id,) = source.execute("PRAGMA application_id").fetchone()
    if application_id != APPLICATION_ID:
        raise BackupError(f"{store} is not a message store")


def _begin_new_log(copy: sqlite3.Connection) -> None:
    with transaction(copy):
        copy.execute("UPDATE meta SET value = ? WHERE name = 'epoch'", (new_epoch(),))
        copy.execute("DELETE FROM meta WHERE name = 'boot'")
