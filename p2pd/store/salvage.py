"""What can still be read of a damaged store, for ``p2pd.node.recovery``.

Goes through the file by offset and, where a stretch cannot be read, through its
halves, so that a broken page costs its own messages. A row counts where it fits
its checksum, or where its signed bytes verify: what is appended to a log again is
offered to peers. Rows of every schema version are read, those of version 1 have
no checksum.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import structlog

from p2pd.domain.messages import Delivery, Message
from p2pd.domain.records import RecordKind
from p2pd.store.connections import open_reader
from p2pd.store.damage import FILE_ERRORS, chat_error_from, is_damage
from p2pd.store.errors import DamagedError
from p2pd.store.rows import (
    BODY,
    CHECKSUM,
    CLIENT_MESSAGE_ID,
    COLUMNS,
    COLUMNS_BEFORE_RECORDS,
    NAMED,
    RECEIVE_TIME,
    Row,
    name_of,
    stored_from_row,
)

BATCH = 64
MAX_FAILURES = 20_000
"""Unreadable stretches after which the rest is left to the peers: some seconds."""
HIGHEST_OFFSET = 1 << 40

_IS_MESSAGE = f"kind = {RecordKind.MESSAGE:d}"
_ADDED = {"checksum": "NULL", "caller": "NULL", "kind": str(RecordKind.MESSAGE.value)}
"""Columns that came after version 1, and what stands for each in an older file."""
_TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table'"

log_line = structlog.get_logger(__name__)

Verify = Callable[[bytes], Message | None]
"""Reads signed bytes as a message received at no time; None where they do not verify."""


class Salvaged(NamedTuple):
    """Messages in order, and the offset up to which the file was read with them."""

    messages: Sequence[Message]
    read_until: int


def salvage(path: Path, verify: Verify, after: int = 0) -> Iterator[Salvaged]:
    """Yield the messages above an offset that are as they were written, some at a time.

    Raises:
        StorageFailedError: The file is sound and cannot be read now.
    """
    if not path.exists():
        log_line.warning("damaged store is gone", path=str(path))
        return
    try:
        with closing(open_reader(path)) as connection:
            query = _query_for(connection)
            for rows in _stretches(connection, query, after):
                found = (_message_from(row, verify) for row in rows)
                messages = [message for message in found if message is not None]
                yield Salvaged(messages, rows[-1][0])
    except FILE_ERRORS as error:
        if not is_damage(error):
            raise chat_error_from(error) from error
        log_line.warning("nothing salvaged", path=str(path), reason=str(error))


def _query_for(connection: sqlite3.Connection) -> str:
    """Write the query that a file of this schema version answers."""
    if ("records",) in connection.execute(_TABLES).fetchall():
        return _query(COLUMNS, "records", _IS_MESSAGE)
    present = {name for _, name, *_ in connection.execute("PRAGMA table_info(messages)")}
    columns, condition = COLUMNS_BEFORE_RECORDS, _IS_MESSAGE
    for name, substitute in _ADDED.items():
        if name not in present:
            columns = columns.replace(name, substitute)
            condition = condition.replace(name, substitute)
    return _query(columns, "messages", condition)


def _query(columns: str, table: str, condition: str) -> str:
    return f"""SELECT {columns} FROM {table}
        WHERE offset > ? AND offset <= ? AND {condition} ORDER BY offset LIMIT ?"""


def _stretches(connection: sqlite3.Connection, query: str, after: int) -> Iterator[list[Row]]:
    """Yield rows from an offset up; halve what cannot be read."""
    failures = 0
    left = [(after, HIGHEST_OFFSET)]
    while left and failures < MAX_FAILURES:
        after, until = left.pop()
        try:
            rows = connection.execute(query, (after, until, BATCH)).fetchall()
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


def _message_from(row: Row, verify: Verify) -> Message | None:
    if row[CHECKSUM] is not None:
        try:
            return stored_from_row(row).message
        except DamagedError:
            pass
    signed = row[BODY]
    verified = verify(signed) if isinstance(signed, bytes) else None
    return None if verified is None else _completed(row, verified)


def _completed(row: Row, verified: Message) -> Message:
    """Add to a verified message what its row says beside the signature, as far as that holds."""
    try:
        # The table of conversations may be broken though the row is whole.
        with_name = (*row[:NAMED], name_of(verified.conversation), *row[NAMED + 1 :])
        return stored_from_row(with_name).message
    except DamagedError:
        pass
    received = row[RECEIVE_TIME]
    is_time = isinstance(received, int) and received > 0
    return replace(
        verified,
        receive_time_ns=received if is_time else verified.seqno,
        delivery=Delivery.BACKFILLED,
        client_message_id=(row[CLIENT_MESSAGE_ID] or "") if row[CHECKSUM] is None else "",
    )
