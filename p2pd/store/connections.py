"""SQLite connections as the store uses them: one that writes, a few that read.

A reader takes a connection out of the pool for one query and gives it back, so
there are never more than there were threads reading at once, and closing waits
for the queries under way. The first is opened with the pool: where no file
descriptor is left for another one, a reader waits for its turn. Only
``p2pd.store.store_file`` uses this.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from p2pd.store.errors import StoreClosedError

WAL_KEPT_BYTES = 16 << 20
"""What the write-ahead log shrinks to once it was larger and could be emptied."""

_WRITER_PRAGMAS = (
    "PRAGMA cell_size_check = ON",
    "PRAGMA trusted_schema = OFF",
    "PRAGMA secure_delete = OFF",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA wal_autocheckpoint = 0",
    f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}",
)
_READER_PRAGMAS = ("PRAGMA cell_size_check = ON", "PRAGMA trusted_schema = OFF")


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the file to write, private to its owner when it is made now."""
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        _set_up(connection, ("PRAGMA journal_mode = WAL", *_WRITER_PRAGMAS))
    except BaseException:
        connection.close()
        raise
    return connection


def roll_back(path: Path) -> None:
    """Have SQLite undo what a kill cut off while a new file got its write-ahead log.

    Nothing else here leaves a rollback journal; who only reads cannot open a file
    that has one.
    """
    if path.with_name(f"{path.name}-journal").exists():
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA user_version").fetchone()


def open_reader(path: Path) -> sqlite3.Connection:
    """Open the file to read."""
    uri = f"{path.absolute().as_uri()}?mode=ro"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
    try:
        _set_up(connection, _READER_PRAGMAS)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes; nothing of it where the block or the commit fails."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def durable_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Commit what the block writes, on disk before the block is left."""
    connection.execute("PRAGMA synchronous = FULL")
    try:
        with transaction(connection):
            yield
    finally:
        connection.execute("PRAGMA synchronous = NORMAL")


class Readers:
    """A pool of connections that read; each is used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._idle: list[sqlite3.Connection] = []
        self._in_use = 0
        self._closed = False
        self._changed = threading.Condition()
        with suppress(sqlite3.Error):
            self._idle.append(_open_whole(path))

    @contextmanager
    def connection(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection.

        Raises:
            StoreClosedError: The pool is closed.
        """
        connection = self._check_out()
        try:
            yield connection
        finally:
            self._give_back(connection)

    def close(self) -> None:
        """Lend no more; return when all are back and closed."""
        with self._changed:
            self._closed = True
            self._changed.wait_for(lambda: not self._in_use)
            for connection in self._idle:
                connection.close()
            self._idle.clear()

    def _check_out(self) -> sqlite3.Connection:
        while True:
            with self._changed:
                if self._closed:
                    raise StoreClosedError
                self._in_use += 1
                if self._idle:
                    return self._idle.pop()
            try:
                return _open_whole(self._path)
            except BaseException as error:
                self._release()
                if not _is_out_of_descriptors(error) or not self._wait_for_another():
                    raise

    def _wait_for_another(self) -> bool:
        """Wait until a connection is given back; False where none is lent."""
        with self._changed:
            self._changed.wait_for(lambda: self._idle or self._closed or not self._in_use)
            return bool(self._idle) or self._closed

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._changed:
            self._idle.append(connection)
        self._release()

    def _release(self) -> None:
        with self._changed:
            self._in_use -= 1
            self._changed.notify_all()


def _open_whole(path: Path) -> sqlite3.Connection:
    """Open the file to read, and the write-ahead log with it: no query needs a descriptor."""
    connection = open_reader(path)
    try:
        connection.execute("PRAGMA schema_version").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _is_out_of_descriptors(error: BaseException) -> bool:
    """Return whether a file was not opened; SQLite keeps the reason to itself."""
    code = getattr(error, "sqlite_errorcode", 0)
    return code & 0xFF == sqlite3.SQLITE_CANTOPEN or code == sqlite3.SQLITE_IOERR_SHMOPEN


def _set_up(connection: sqlite3.Connection, pragmas: tuple[str, ...]) -> None:
    for pragma in pragmas:
        connection.execute(pragma)
