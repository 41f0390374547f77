"""The table of known peers, read whole and replaced whole: some hundred rows at most.

Called by ``p2pd.store.store_file`` and ``p2pd.store.inheritance``.
"""

from __future__ import annotations

import sqlite3

from p2pd.store.errors import DamagedError
from p2pd.store.peer_store import KnownPeers

_LOAD = "SELECT origin, address FROM known_peers ORDER BY origin, position"
_CLEAR = "DELETE FROM known_peers"
_ADD = "INSERT INTO known_peers VALUES (?, ?, ?)"
_GIVEN, _FOUND = 0, 1


def load_known_peers(connection: sqlite3.Connection) -> KnownPeers:
    """Read the addresses.

    Raises:
        DamagedError: The table holds what is no address.
    """
    rows = connection.execute(_LOAD).fetchall()
    if not all(isinstance(address, str) for _, address in rows):
        raise DamagedError("its table of known peers holds what is no address")
    return KnownPeers(
        tuple(address for origin, address in rows if origin == _GIVEN),
        tuple(address for origin, address in rows if origin == _FOUND),
    )


def replace_known_peers(connection: sqlite3.Connection, peers: KnownPeers) -> None:
    """Write the addresses in the place of those before, inside a transaction."""
    connection.execute(_CLEAR)
    for origin, addresses in ((_GIVEN, peers.given), (_FOUND, peers.found)):
        rows = [(origin, position, address) for position, address in enumerate(addresses)]
        connection.executemany(_ADD, rows)
