"""``rooms.json`` and ``peers.json`` of releases before 0.2, read once into the store.

Called by ``p2pd.store.succession`` for a store that is not complete yet. The
files are removed once the store says that it has what they held, on disk.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import structlog

from p2pd.domain.names import RoomName, room_from_text
from p2pd.domain.records import Conversation
from p2pd.errors import InvalidInputError
from p2pd.store.damage import sync_directory
from p2pd.store.inheritance import Inheritance
from p2pd.store.peer_store import KnownPeers
from p2pd.store.room_store import RoomRecord

ROOMS, PEERS = "rooms.json", "peers.json"

log_line = structlog.get_logger(__name__)


def inheritance_from_files(directory: Path, now_ns: int) -> Inheritance:
    """Read both files; what is missing or malformed in them is passed over.

    Args:
        now_ns: Stands for the times that the oldest files do not name.

    Raises:
        OSError: A file is there and cannot be read.
    """
    rooms, peers = _load(directory / ROOMS), _load(directory / PEERS)
    given, found = _texts(peers.get("given")), _texts(peers.get("met"))
    left = _left_rooms(rooms.get("left"), now_ns)
    return Inheritance(
        {**left, **_joined_rooms(rooms.get("joined"), now_ns)}, KnownPeers(given, found)
    )


def remove_files(directory: Path) -> None:
    """Remove both files, and wait until they are gone for good."""
    present = [path for name in (ROOMS, PEERS) if (path := directory / name).exists()]
    for path in present:
        path.unlink()
    if present:
        sync_directory(directory)


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        log_line.warning("small file damaged", path=str(path), reason=str(error))
        return {}
    return content if isinstance(content, dict) else {}


def _left_rooms(saved: object, now_ns: int) -> dict[Conversation, RoomRecord]:
    """Read the rooms left; the oldest files name them only."""
    content = saved if isinstance(saved, dict) else {}
    left: dict[Conversation, RoomRecord] = {}
    for room in _rooms(list(content) if content else saved):
        sent_until = content.get(room)
        sent_until = sent_until if isinstance(sent_until, int) else now_ns
        left[room] = RoomRecord(False, now_ns, now_ns, sent_until)
    return left


def _joined_rooms(saved: object, now_ns: int) -> dict[Conversation, RoomRecord]:
    content = saved if isinstance(saved, dict) else {}
    records: dict[Conversation, RoomRecord] = {}
    for room in _rooms(list(content)):
        try:
            entry = content[room]
            records[room] = RoomRecord(
                True,
                int(entry["floor_ns"]),
                int(entry.get("joined_ns", now_ns)),
                int(entry.get("sent_until", now_ns)),
                bool(entry["is_caught_up"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
            continue
    return records


def _rooms(names: object) -> list[RoomName]:
    rooms = []
    for name in names if isinstance(names, list) else []:
        try:
            rooms.append(room_from_text(name))
        except (InvalidInputError, AttributeError, TypeError, UnicodeError):
            continue
    return rooms


def _texts(saved: object) -> tuple[str, ...]:
    return tuple(one for one in saved if isinstance(one, str)) if isinstance(saved, list) else ()
