"""The rows of sums over ranges of items, and the items that they are sums of.

Called by ``p2pd.store.item_ranges``, which says when. Bounds are sequence numbers.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from typing import Any

from p2pd.domain.items import MAX_SEQNO, Summary, item_digest, seqno_between, summary_of
from p2pd.domain.names import RoomName
from p2pd.store.message_store import RangeSum
from p2pd.store.rows import IS_KIND, SEQNO_SHIFT

RANGE_ITEMS = 256
"""Items in a sealed range, when it is sealed; later it may have up to twice as many."""

_COLUMNS = "lower, upper, items, total, checksum"
_KEY = "SELECT conversation FROM conversations WHERE room = ?"
_LOAD = f"SELECT {_COLUMNS} FROM item_ranges WHERE conversation = ? ORDER BY lower"
_NEXT = f"""SELECT {_COLUMNS} FROM item_ranges
    WHERE conversation = ? AND lower >= ? ORDER BY lower LIMIT 1"""
_END = "SELECT upper FROM item_ranges WHERE conversation = ? ORDER BY lower DESC LIMIT 1"
_ITEMS = f"""SELECT send_order, message_id FROM records INDEXED BY items
    WHERE conversation = ? AND {IS_KIND} AND send_order >= ? AND send_order <= ?
    ORDER BY send_order LIMIT ?"""
_SEAL = "INSERT OR REPLACE INTO item_ranges VALUES (?, ?, ?, ?, ?, ?)"
_UNSEAL = """DELETE FROM item_ranges WHERE conversation = ? AND lower < ? AND upper > ?
    AND lower >= coalesce((SELECT max(lower) FROM item_ranges
        WHERE conversation = ? AND lower <= ?), ?)"""
_UNSEAL_ALL = "DELETE FROM item_ranges WHERE conversation = ?"
_COUNT = """SELECT messages, (SELECT coalesce(sum(items), 0) FROM item_ranges
    WHERE item_ranges.conversation = conversations.conversation)
    FROM conversations WHERE conversation = ?"""
_LOWEST, _HIGHEST = -SEQNO_SHIFT, SEQNO_SHIFT - 1


def key_of(connection: sqlite3.Connection, room: RoomName) -> int | None:
    """Return a room's key in the file; None where nothing is stored of it."""
    row = connection.execute(_KEY, (room,)).fetchone()
    return None if row is None else int(row[0])


def sealed_ranges(connection: sqlite3.Connection, key: int) -> list[RangeSum]:
    """Return the sealed ranges of a room, in order; a damaged one is left out."""
    rows = connection.execute(_LOAD, (key,)).fetchall()
    return [found for row in rows if (found := _range_from_row(key, row)) is not None]


def next_range(
    connection: sqlite3.Connection, key: int, lower: int, upper: int | None
) -> tuple[RangeSum, bool]:
    """Sum up the next items from a sequence number on, and below another.

    Returns:
        The sum, and whether it is of a range that can be sealed and is not.
    """
    low, high = lower - SEQNO_SHIFT, _order_before(upper)
    row = connection.execute(_NEXT, (key, low)).fetchone()
    found = None if row is None else _range_from_row(key, row)
    if found is not None and found.upper is not None:
        if found.lower == lower and (upper is None or found.upper <= upper):
            return found, False
        if lower < found.lower and (upper is None or found.lower < upper):
            high, upper = _order_before(found.lower), found.lower
    rows: Sequence[Any] = _items(connection, key, low, high, 2 * RANGE_ITEMS)
    if len(rows) == 2 * RANGE_ITEMS:
        rows, upper = _cut(connection, key, rows)
    summary = _summary_of(rows)
    can_seal = upper is not None and len(rows) >= RANGE_ITEMS
    return RangeSum(lower, upper, summary.count, summary.total), can_seal


def seal_range(connection: sqlite3.Connection, key: int, lower: int, upper: int | None) -> RangeSum:
    """Sum up as ``next_range`` does, and store the sum; inside a transaction."""
    found, can_seal = next_range(connection, key, lower, upper)
    if can_seal:
        write_range(connection, key, found)
    return found


def seal_last(connection: sqlite3.Connection, key: int, added: int) -> int:
    """Seal what lies behind the last sealed range; inside a transaction.

    Args:
        added: How many of the items this transaction appends; before it there are fewer
            than two ranges of them, unless much was stored without sums.

    Returns:
        How many items lie behind it then; of those stored without sums not all are counted.
    """
    row = connection.execute(_END, (key,)).fetchone()
    lower, left = 0 if row is None else row[0] + SEQNO_SHIFT, 0
    at_most = 2 * RANGE_ITEMS + added
    for _ in range(1 + added // RANGE_ITEMS):
        rows = _items(connection, key, lower - SEQNO_SHIFT, _HIGHEST, at_most)
        if len(rows) < 2 * RANGE_ITEMS:
            return len(rows)
        first, upper = _cut(connection, key, rows)
        if upper is None:
            return 0
        summary = _summary_of(first)
        write_range(connection, key, RangeSum(lower, upper, summary.count, summary.total))
        lower, left = upper, max(0, len(rows) - len(first))
    return left


def remove_wrong(
    connection: sqlite3.Connection, key: int, lower: int, upper: int
) -> list[RangeSum]:
    """Remove the sums over a part of a range that differ from their rows', and return them.

    Inside a transaction.
    """
    wrong = []
    for found in sealed_ranges(connection, key):
        assert found.upper is not None
        if found.lower < upper and found.upper > lower:
            low, high = found.lower - SEQNO_SHIFT, _order_before(found.upper)
            summary = _summary_of(_items(connection, key, low, high, -1))
            if summary != Summary(found.items, found.total):
                wrong.append(found)
                _unseal(connection, key, found.lower, found.upper)
    return wrong


def counts_excess(connection: sqlite3.Connection, key: int) -> bool:
    """Return whether the sums of a room count more items than it has."""
    row = connection.execute(_COUNT, (key,)).fetchone()
    return row is not None and row[1] > row[0]


def remove_excess(connection: sqlite3.Connection, key: int) -> bool:
    """Remove all sums of a room where they count too many items; inside a transaction."""
    is_wrong = counts_excess(connection, key)
    if is_wrong:
        connection.execute(_UNSEAL_ALL, (key,))
    return is_wrong


def _unseal(connection: sqlite3.Connection, key: int, lower: int, upper: int) -> None:
    """Remove every sum over a part of a range."""
    low, high = lower - SEQNO_SHIFT, upper - SEQNO_SHIFT
    connection.execute(_UNSEAL, (key, high, low, key, low, low))


def write_range(connection: sqlite3.Connection, key: int, found: RangeSum) -> None:
    """Store a sum in the place of all that cover a part of its range; inside a transaction."""
    assert found.upper is not None
    _unseal(connection, key, found.lower, found.upper)
    low, high = found.lower - SEQNO_SHIFT, found.upper - SEQNO_SHIFT
    total = Summary(found.items, found.total).total_bytes
    checksum = _checksum(key, low, high, found.items, total)
    connection.execute(_SEAL, (key, low, high, found.items, total, checksum))


def _cut(
    connection: sqlite3.Connection, key: int, rows: Sequence[Any]
) -> tuple[Sequence[Any], int | None]:
    """Return about half of the rows, all of a sequence number, and where the next begin."""
    for place in range(RANGE_ITEMS, len(rows)):
        if rows[place][0] != rows[place - 1][0]:
            bounds = (rows[at][0] + SEQNO_SHIFT for at in (place - 1, place))
            return rows[:place], seqno_between(*bounds)
    order = rows[-1][0]
    whole = _items(connection, key, rows[0][0], order, -1)
    return whole, None if order == _HIGHEST else order + 1 + SEQNO_SHIFT


def _items(connection: sqlite3.Connection, key: int, low: int, high: int, limit: int) -> list[Any]:
    return connection.execute(_ITEMS, (key, low, high, limit)).fetchall()


def _summary_of(rows: Sequence[tuple[int, bytes]]) -> Summary:
    return summary_of((order + SEQNO_SHIFT, item_digest(message_id)) for order, message_id in rows)


def _range_from_row(key: int, row: tuple[Any, ...]) -> RangeSum | None:
    *values, checksum = row
    if checksum != _checksum(key, *values):
        return None
    low, high, items, total = values
    return RangeSum(low + SEQNO_SHIFT, high + SEQNO_SHIFT, items, int.from_bytes(total, "big"))


def _checksum(*values: object) -> int:
    return zlib.crc32(repr(values).encode())


def _order_before(upper: int | None) -> int:
    """Return the highest order below a sequence number."""
    return _HIGHEST if upper is None or upper > MAX_SEQNO else upper - 1 - SEQNO_SHIFT
