"""What can still be read of a damaged store, for ``p2pd.node.recovery``.

Goes through the file by offset and, where a stretch cannot be read, through its
halves, so that a broken page costs its own messages. Only rows that fit their
checksum count: what is put into a log again is offered to peers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

import structlog

from p2pd.domain.messages import Message
from p2pd.store.connections import open_reader
from p2pd.store.damage import FILE_ERRORS
from p2pd.store.errors import DamagedError
from p2pd.store.rows import COLUMNS, Row, stored_from_row

BATCH = 64
MAX_FAILURES = 20_000
"""Unreadable stretches after which the rest is left to the peers: some seconds."""
HIGHEST_OFFSET = 1 << 40

_READ = f"""SELECT {COLUMNS} FROM messages
    WHERE offset > ? AND offset <= ? AND checksum IS NOT NULL ORDER BY offset LIMIT ?"""

log_line = structlog.get_logger(__name__)


def salvage(path: Path) -> Iterator[Sequence[Message]]:
    """Yield the messages that are as they were written, in order, some at a time."""
    try:
        connection = open_reader(path)
    except FILE_ERRORS as error:
        log_line.warning("nothing salvaged", path=str(path), reason=str(error))
        return
    try:
        for rows in _stretches(connection):
            yield [message for row in rows if (message := _message_from(row)) is not None]
    finally:
        connection.close()


def _stretches(connection: sqlite3.Connection) -> Iterator[list[Row]]:
    """Yield rows from the lowest offset up; halve what cannot be read."""
    failures = 0
    left = [(0, HIGHEST_OFFSET)]
    while left and failures < MAX_FAILURES:
        after, until = left.pop()
        try:
            rows = connection.execute(_READ, (after, until, BATCH)).fetchall()
        except FILE_ERRORS:
            failures += 1
            if until - after > 1:
                middle = (after + until) // 2
                left += [(middle, until), (after, middle)]
            continue
        if len(rows) == BATCH:
            left.append((rows[-1][0], until))
        if rows:
            yield rows


def _message_from(row: Row) -> Message | None:
    try:
        return stored_from_row(row).message
    except DamagedError:
        return None
