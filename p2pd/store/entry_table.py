"""The table of entries, read whole at open and held in memory.

Called by ``p2pd.store.store_file`` and ``p2pd.store.inheritance``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from p2pd.store.entry_store import EntryKind
from p2pd.store.errors import DamagedError

_LOAD = "SELECT kind, key, value FROM entries ORDER BY entry"
_SET = "INSERT OR REPLACE INTO entries (kind, key, value) VALUES (?, ?, ?)"
_REMOVE = "DELETE FROM entries WHERE kind = ? AND key = ?"

Entries = Mapping[tuple[int, str], bytes]
"""Values by kind and key, those of kinds unknown to this release too; the oldest first."""


class EntryTable:
    """The entries of a store; one thread writes.

    Raises:
        DamagedError: The table holds what cannot be an entry.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._entries = dict(load_entries(connection))

    @property
    def all(self) -> Entries:
        """A copy of the rows."""
        return dict(self._entries)

    def of_kind(self, kind: EntryKind) -> dict[str, bytes]:
        """Return a copy of the entries of one kind."""
        found = tuple(self._entries.items())
        return {key: value for (each, key), value in found if each == kind}

    def save(self, kind: EntryKind, key: str, value: bytes | None) -> None:
        """Commit one entry; None removes it."""
        if value is None:
            self._connection.execute(_REMOVE, (kind, key))
        else:
            self._connection.execute(_SET, (kind, key, value))
        self._entries.pop((kind, key), None)
        if value is not None:
            self._entries[kind, key] = value

    def write(self, entries: Entries) -> None:
        """Add entries inside a transaction."""
        rows = [(kind, key, value) for (kind, key), value in entries.items()]
        self._connection.executemany(_SET, rows)
        self._entries |= entries


def load_entries(connection: sqlite3.Connection) -> Entries:
    """Read the table.

    Raises:
        DamagedError: It holds what cannot be an entry.
    """
    rows = connection.execute(_LOAD).fetchall()
    for kind, key, value in rows:
        if not (isinstance(kind, int) and isinstance(key, str) and isinstance(value, bytes)):
            raise DamagedError("its table of entries holds what is no entry")
    return {(kind, key): value for kind, key, value in rows}
