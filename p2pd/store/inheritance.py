"""What a new store file has to take from those before it, beside messages.

Called by ``p2pd.store.succession`` for a file that is not complete yet: one
just made, or one of a schema version that had no memberships. Everything is
written in one transaction; a process killed before it gathers again.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from p2pd.domain.records import Conversation
from p2pd.store.connections import open_reader
from p2pd.store.damage import FILE_ERRORS, quarantined_files
from p2pd.store.entry_table import Entries, load_entries
from p2pd.store.peer_store import KnownPeers
from p2pd.store.peer_table import load_known_peers
from p2pd.store.quarantine_table import Quarantined, load_quarantined
from p2pd.store.room_store import RoomRecord
from p2pd.store.room_table import LOAD, LOAD_FROM_ROOMS, room_from_row


@dataclass(frozen=True, slots=True)
class Inheritance:
    """Records of conversations, known peers, entries, and which files are still to be read."""

    rooms: Mapping[Conversation, RoomRecord] = field(default_factory=dict)
    peers: KnownPeers = field(default_factory=KnownPeers)
    quarantined: Quarantined = field(default_factory=dict)
    entries: Entries = field(default_factory=dict)

    def over(self, older: Inheritance) -> Inheritance:
        """Add what only an older one has."""
        return Inheritance(
            {**older.rooms, **self.rooms},
            self.peers if self.peers != KnownPeers() else older.peers,
            {**older.quarantined, **self.quarantined},
            {**older.entries, **self.entries},
        )


def inheritance_of(store_path: Path) -> Inheritance:
    """Gather what can be read of the quarantined files beside a store.

    A file that no readable table says was read is to be read from its start.
    """
    gathered = Inheritance()
    for path in quarantined_files(store_path):
        gathered = _read(path).over(gathered)
    names = [path.name for path in quarantined_files(store_path)]
    known = gathered.quarantined
    return replace(gathered, quarantined={name: known.get(name, 0) for name in names})


def _read(path: Path) -> Inheritance:
    """Read what a damaged file says of rooms, peers and files, each as far as it can be read."""
    rooms: dict[Conversation, RoomRecord] = {}
    peers, quarantined = KnownPeers(), dict[str, int | None]()
    entries: Entries = {}
    with suppress(*FILE_ERRORS), closing(open_reader(path)) as connection:
        for load in (LOAD_FROM_ROOMS, LOAD):
            with suppress(*FILE_ERRORS):
                for row in connection.execute(load):
                    name, room = room_from_row(row)
                    if room.record is not None:
                        rooms[name] = room.record
        with suppress(*FILE_ERRORS):
            peers = load_known_peers(connection)
        with suppress(*FILE_ERRORS):
            entries = load_entries(connection)
        quarantined = load_quarantined(connection)
    return Inheritance(rooms, peers, quarantined, entries)
