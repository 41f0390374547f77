"""Which messages of a room retention removes, and their removal.

Called by ``p2pd.store.store_file`` with its writer. Records of kinds that this release
does not serve stay.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

from p2pd.domain.names import MessageId
from p2pd.store.message_store import Dropped
from p2pd.store.rows import IS_KIND, SEQNO_SHIFT

_OLDEST = f"""SELECT offset, receive_time_ns, send_order, message_id
    FROM records INDEXED BY messages_by_room
    WHERE conversation = ? AND {IS_KIND} ORDER BY offset LIMIT ?"""
_REMOVE = f"""DELETE FROM records INDEXED BY messages_by_room
    WHERE conversation = ? AND {IS_KIND} AND offset <= ?"""


class Expired(NamedTuple):
    """Messages to remove, the oldest of a room, and the offset of the last."""

    dropped: Sequence[Dropped]
    until: int


def find_expired(
    connection: sqlite3.Connection,
    key: int,
    *,
    beyond: int,
    received_before_ns: int,
    now_ns: int,
    at_most: int,
) -> Expired:
    """Return which messages of a room to remove.

    Args:
        key: The room's in the file.
        beyond: So many of the oldest are to go whenever they were received.
        received_before_ns, now_ns, at_most: See ``MessageStore.drop_oldest``.
    """
    oldest = connection.execute(_OLDEST, (key, at_most)).fetchall()
    times_ns = [time_ns for _, time_ns, *_ in oldest]
    count = max(beyond, _count_before(times_ns, received_before_ns, now_ns))
    dropped = [
        Dropped(order + SEQNO_SHIFT, time_ns, MessageId(message_id.hex()))
        for _, time_ns, order, message_id in oldest[:count]
    ]
    return Expired(dropped, oldest[len(dropped) - 1][0] if dropped else 0)


def remove_until(connection: sqlite3.Connection, key: int, until: int) -> None:
    """Remove the messages of a room up to an offset."""
    connection.execute(_REMOVE, (key, until))


def _count_before(times_ns: Sequence[int], before_ns: int, now_ns: int) -> int:
    """Count the messages received before a moment, of times in order of arrival."""
    count = 0
    for place, time_ns in enumerate(times_ns):
        if time_ns < before_ns:
            count = place + 1
        elif time_ns <= now_ns:
            break
    return count
