"""An index of texts by the trigrams in them: SQLite's FTS5 without a copy of the texts.

Used by ``p2pd.chat.search``, in worker threads. It is a file of its own beside the
messages, since it can be made anew from them at any time: one that is damaged, or of
another log, is removed. It says which messages may match; what was removed since is
still in it, until it is made anew.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from p2pd.errors import StorageFailedError
from p2pd.store.damage import chat_error_from, is_full

FILE_NAME = "search.db"
VERSION = 1
_SET_UP = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = NORMAL",
    "PRAGMA secure_delete = ON",
    "CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY, epoch TEXT, until INTEGER, texts)",
    """CREATE VIRTUAL TABLE IF NOT EXISTS texts USING fts5(
        text, content='', columnsize=0, detail=none, tokenize='trigram case_sensitive 1')""",
)
_ADD = "INSERT INTO texts (rowid, text) VALUES (?, ?)"
_SAVE = "INSERT OR REPLACE INTO state VALUES (1, ?, ?, ?)"
_LOAD = "SELECT epoch, until, texts FROM state"
_FIND = """SELECT rowid FROM texts WHERE texts MATCH ? AND rowid < ?
    ORDER BY rowid DESC LIMIT ?"""

log_line = structlog.get_logger(__name__)


class SearchIndex:
    """One index; any thread may call it, one at a time gets its turn.

    Args:
        path: Its file; None is memory.

    Attributes:
        epoch: The log that it is of.
        until: The offset up to which messages are in it.
        text_count: How many texts are in it.
    """

    def __init__(self, path: Path | None) -> None:
        self.epoch = ""
        self.until = 0
        self.text_count = 0
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def open(self, epoch: str) -> None:
        """Open it for a log; one of another log is made anew.

        Raises:
            StorageFullError: There is no room.
            StorageFailedError: The disk refuses.
        """
        with self._lock:
            try:
                self._open()
            except sqlite3.Error as error:
                if is_full(error):
                    raise chat_error_from(error) from error
                log_line.warning("search index made anew", reason=str(error))
                self._remake(epoch)
            if self.epoch != epoch:
                self._remake(epoch)

    def clear(self) -> None:
        """Remove all of it, from the disk as well; it is filled again from the beginning."""
        with self._lock:
            self._remake(self.epoch)

    def add(self, texts: Iterable[tuple[int, str]], until: int) -> None:
        """Add texts by their offsets, of messages up to an offset.

        Raises:
            StorageFullError: There is no room; nothing was added.
            StorageFailedError: The disk refuses; nothing was added, or it is made anew.
        """
        rows = list(texts)
        with self._lock:
            connection = self._opened()
            try:
                with connection:
                    connection.executemany(_ADD, rows)
                    state = (self.epoch, until, self.text_count + len(rows))
                    connection.execute(_SAVE, state)
            except sqlite3.Error as error:
                self._failed(error)
            self.until, self.text_count = until, self.text_count + len(rows)

    def find(self, grams: Sequence[str], before: int, limit: int) -> list[int]:
        """Return offsets of texts that hold all of these trigrams, the newest first.

        Raises:
            StorageFailedError: The index cannot be read.
        """
        match = " AND ".join('"' + gram.replace('"', '""') + '"' for gram in grams)
        with self._lock:
            connection = self._opened()
            try:
                rows = connection.execute(_FIND, (match, before, limit)).fetchall()
            except sqlite3.Error as error:
                self._failed(error)
            return [offset for (offset,) in rows]

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._close()

    def _failed(self, error: sqlite3.Error) -> None:
        """Make the index anew where it is damaged, and say that this call failed."""
        if isinstance(error, sqlite3.OperationalError):
            raise chat_error_from(error) from error
        log_line.warning("search index made anew", reason=str(error))
        self._remake(self.epoch)
        raise StorageFailedError("the search index was damaged and is made anew") from error

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StorageFailedError("the search index is not open")
        return self._connection

    def _open(self) -> None:
        name = ":memory:" if self._path is None else str(self._path)
        self._connection = sqlite3.connect(name, check_same_thread=False)
        if self._path is not None:
            self._path.chmod(0o600)
        for statement in _SET_UP:
            self._connection.execute(statement)
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version not in {0, VERSION}:
            raise sqlite3.DatabaseError(f"it is of version {version}")
        self._connection.execute(f"PRAGMA user_version = {VERSION}")
        row = self._connection.execute(_LOAD).fetchone()
        self.epoch, self.until, self.text_count = row or ("", 0, 0)

    def _remake(self, epoch: str) -> None:
        self._close()
        if self._path is not None:
            for suffix in ("", "-wal", "-shm", "-journal"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
        self._open()
        self.epoch, self.until, self.text_count = epoch, 0, 0

    def _close(self) -> None:
        if self._connection is not None:
            with suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None
