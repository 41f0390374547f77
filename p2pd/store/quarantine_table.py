"""The table of quarantined files: how far the messages of each were brought over.

A file is entered when the store that replaces it is made. So a process killed at
any moment of a salvage leaves a mark, and the next start goes on from there.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

from p2pd.store.errors import DamagedError

LOAD = "SELECT name, read_until FROM quarantined_files"
_SET = "INSERT OR REPLACE INTO quarantined_files VALUES (?, ?)"

Quarantined = Mapping[str, int | None]
"""File names, and the offset up to which each was read; None once it was read whole."""


class QuarantineTable:
    """The quarantined files of a store; one thread writes, any thread reads.

    Raises:
        DamagedError: The table holds what cannot be a name.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._files: dict[str, int | None] = {}
        self.load()

    @property
    def files(self) -> dict[str, int | None]:
        """A copy of the rows."""
        return dict(self._files)

    def load(self) -> None:
        """Read the table anew."""
        self._files = load_quarantined(self._connection)

    def write(self, name: str, read_until: int | None) -> None:
        """Enter a file inside a transaction; ``load`` follows its commit."""
        self._connection.execute(_SET, (name, read_until))

    def save(self, name: str, read_until: int | None) -> None:
        """Commit how far a file was read; None is the end."""
        self.write(name, read_until)
        self._files[name] = read_until


def load_quarantined(connection: sqlite3.Connection) -> dict[str, int | None]:
    """Read the table.

    Raises:
        DamagedError: It holds what cannot be a name.
    """
    rows = connection.execute(LOAD).fetchall()
    for name, read_until in rows:
        if not isinstance(name, str) or not isinstance(read_until, int | None):
            raise DamagedError("its table of quarantined files holds what is no file")
    return dict(rows)
