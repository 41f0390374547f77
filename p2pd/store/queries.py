"""What is read from the store: each a bounded query on a connection lent for it.

Called by ``p2pd.store.sqlite_store``, in any thread. Results are taken whole, so
that no query stays open and holds up a checkpoint.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from p2pd.domain.names import MessageId
from p2pd.domain.records import Conversation
from p2pd.domain.sizes import size_of_message
from p2pd.store.message_store import OrderKey, Stored, StoredAnswer, StoredPage
from p2pd.store.rows import (
    COLUMNS,
    IS_KIND,
    SEQNO_SHIFT,
    key_names,
    message_id_from,
    seqno_from,
    stored_from_row,
)

MAX_ROWS = 1024
"""Messages that one ``read`` returns at most."""

_CONVERSATION = "conversation = (SELECT conversation FROM conversations WHERE room = ? OR peer = ?)"
_READ = f"""SELECT {COLUMNS} FROM records
    WHERE offset > ? AND offset <= ? AND {IS_KIND} ORDER BY offset LIMIT ?"""
_COUNT_OTHERS = f"""SELECT count(*) FROM records
    WHERE offset > ? AND offset <= ? AND NOT {IS_KIND}"""
_AT = f"SELECT {COLUMNS}, {IS_KIND} FROM records WHERE offset = ?"
_IN_CONVERSATION = f"""SELECT {COLUMNS} FROM records INDEXED BY messages_by_room
    WHERE {_CONVERSATION} AND {IS_KIND}"""
_BEFORE = f"{_IN_CONVERSATION} AND offset < ? ORDER BY offset DESC LIMIT ?"
_AFTER = f"{_IN_CONVERSATION} AND offset > ? ORDER BY offset LIMIT ?"
_OFFSET_OF = "SELECT offset FROM records WHERE message_id = ?"
_ANSWER = f"""SELECT {COLUMNS} FROM records
    WHERE client_message_id = ? AND caller IS ? AND {IS_KIND} ORDER BY offset LIMIT 1"""
_NEWEST_OF_AUTHOR = f"""SELECT send_order FROM records
    WHERE message_id BETWEEN ? AND ? AND {IS_KIND} ORDER BY message_id DESC LIMIT 1"""
_ITEMS = f"""SELECT send_order, message_id
    FROM records INDEXED BY items
    WHERE {_CONVERSATION} AND {IS_KIND}
        AND (send_order, message_id) >= (?, ?) AND (send_order, message_id) < (?, ?)
    ORDER BY send_order, message_id LIMIT ?"""
_SIGNED = f"SELECT {COLUMNS} FROM records WHERE message_id = ? AND {_CONVERSATION} AND {IS_KIND}"

_LOWEST = (-SEQNO_SHIFT, b"")
_HIGHEST = (SEQNO_SHIFT - 1, b"\xff" * 128)
"""Above every item: no message id is as long."""


def read(
    connection: sqlite3.Connection, after: int, until: int, max_bytes: int
) -> tuple[Stored, ...]:
    """Return messages with ``after < offset <= until``, at least one if there is one."""
    batch: list[Stored] = []
    size_bytes = 0
    rows = connection.execute(_READ, (after, until, MAX_ROWS))
    try:
        for row in rows:
            stored = stored_from_row(row)
            size_bytes += len(stored.message.data)
            if batch and size_bytes > max_bytes:
                break
            batch.append(stored)
    finally:
        rows.close()
    return tuple(batch)


def has_record(connection: sqlite3.Connection, offset: int) -> bool:
    """Return whether a record is at an offset.

    Raises:
        DamagedError: A message is there that is not what was written.
    """
    for *row, is_message in connection.execute(_AT, (offset,)).fetchall():
        if is_message:
            stored_from_row(tuple(row))
        return True
    return False


def count_others(connection: sqlite3.Connection, after: int, until: int) -> int:
    """Count the records with ``after < offset <= until`` that are not messages."""
    (count,) = connection.execute(_COUNT_OTHERS, (after, until)).fetchone()
    return int(count)


def page_before(
    connection: sqlite3.Connection,
    conversation: Conversation,
    before: int,
    limit: int,
    max_bytes: int,
) -> StoredPage:
    """Return the newest messages of a conversation below an offset, one at least if any."""
    page = _page(
        connection.execute(_BEFORE, (*key_names(conversation), before, limit + 1)), limit, max_bytes
    )
    return StoredPage(page.messages[::-1], page.more)


def page_after(
    connection: sqlite3.Connection,
    conversation: Conversation,
    after: int,
    limit: int,
    max_bytes: int,
) -> StoredPage:
    """Return the oldest messages of a conversation above an offset, one at least if any."""
    return _page(
        connection.execute(_AFTER, (*key_names(conversation), after, limit + 1)), limit, max_bytes
    )


def _page(rows: sqlite3.Cursor, limit: int, max_bytes: int) -> StoredPage:
    """Read rows until the page is full; what does not fit is not read."""
    messages: list[Stored] = []
    size_bytes = 0
    try:
        for row in rows:
            stored = stored_from_row(row)
            size_bytes += size_of_message(stored.message)
            if messages and (size_bytes > max_bytes or len(messages) == limit):
                return StoredPage(tuple(messages), more=True)
            messages.append(stored)
    finally:
        rows.close()
    return StoredPage(tuple(messages), more=False)


def offset_of(connection: sqlite3.Connection, message_id: MessageId) -> int | None:
    """Return where a kept message is, or None."""
    row = connection.execute(_OFFSET_OF, (bytes.fromhex(message_id),)).fetchone()
    return None if row is None else int(row[0])


def answer_of(
    connection: sqlite3.Connection, client_message_id: str, caller: str
) -> StoredAnswer | None:
    """Return the answer to the first stored publish of a caller with this id, or None."""
    row = connection.execute(_ANSWER, (client_message_id, caller or None)).fetchone()
    if row is None:
        return None
    stored = stored_from_row(row)
    message = stored.message
    return StoredAnswer(message.message_id, stored.offset, message.conversation, message.data)


def max_seqno(connection: sqlite3.Connection, author_bytes: bytes) -> int:
    """Return the highest sequence number kept of an author; 0 where there is none."""
    bounds = (author_bytes, author_bytes + b"\xff" * 8)
    row = connection.execute(_NEWEST_OF_AUTHOR, bounds).fetchone()
    return 0 if row is None else seqno_from(row[0])


def items(
    connection: sqlite3.Connection,
    conversation: Conversation,
    lower: OrderKey | None,
    upper: OrderKey | None,
    limit: int,
) -> list[OrderKey]:
    """Return the first ``limit`` items of a conversation with ``lower <= item < upper``."""
    low = _LOWEST if lower is None else _key(lower)
    high = _HIGHEST if upper is None else _key(upper)
    rows = connection.execute(_ITEMS, (*key_names(conversation), *low, *high, limit))
    return [OrderKey(seqno_from(order), message_id_from(key)) for order, key in rows.fetchall()]


def item_after(item: OrderKey) -> OrderKey:
    """Return the lowest place behind an item."""
    return OrderKey(item.seqno, MessageId(f"{item.message_id}00"))


def signed_bytes(
    connection: sqlite3.Connection, conversation: Conversation, message_ids: Sequence[MessageId]
) -> dict[MessageId, bytes]:
    """Return the original signed bytes of those messages that are kept in the conversation."""
    found: dict[MessageId, bytes] = {}
    for message_id in message_ids:
        keys = (bytes.fromhex(message_id), *key_names(conversation))
        row = connection.execute(_SIGNED, keys).fetchone()
        if row is not None:
            found[message_id] = stored_from_row(row).message.signed_bytes
    return found


def _key(item: OrderKey) -> tuple[int, bytes]:
    return item.seqno - SEQNO_SHIFT, bytes.fromhex(item.message_id)
