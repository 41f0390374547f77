"""Which rooms are joined and how much of their past is wanted, kept over restarts."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from p2pd.domain.names import RoomName, room_from_text
from p2pd.errors import InvalidInputError


@dataclass(slots=True)
class RoomEntry:
    """A joined room.

    Attributes:
        floor_ns: Nothing sent earlier is fetched from others; nanoseconds since
            the epoch.
        joined_ns: When it was joined.
        is_caught_up: Whether as much of the past has been fetched as is wanted.
    """

    floor_ns: int
    joined_ns: int
    is_caught_up: bool = False


class RoomBook:
    """The joined rooms, and those of the settings that were left on purpose.

    Args:
        configured: Rooms of the settings; joined unless they were left.
        floor_ns: Of rooms that are joined for the first time, now.

    Raises:
        OSError: The file is there and cannot be read.
    """

    def __init__(
        self, path: Path, configured: Iterable[RoomName], floor_ns: int, now_ns: int
    ) -> None:
        self._path = path
        self._saving = threading.Lock()
        content = _load(path)
        self._left = set(_rooms(content.get("left")))
        self._joined = _entries(content.get("joined"))
        for room in configured:
            if room not in self._left:
                self._joined.setdefault(room, RoomEntry(floor_ns, now_ns))

    @property
    def joined(self) -> tuple[RoomName, ...]:
        """The joined rooms, by name."""
        return tuple(sorted(self._joined))

    def __contains__(self, room: RoomName) -> bool:
        return room in self._joined

    def __getitem__(self, room: RoomName) -> RoomEntry:
        return self._joined[room]

    def join(self, room: RoomName, floor_ns: int, now_ns: int) -> None:
        """Note that a room is joined."""
        self._joined.setdefault(room, RoomEntry(floor_ns, now_ns))
        self._left.discard(room)

    def leave(self, room: RoomName) -> None:
        """Note that a room is left."""
        self._joined.pop(room, None)
        self._left.add(room)

    def save(self) -> None:
        """Write the file and wait for the disk; call it off the trio thread."""
        with self._saving:
            joined = {room: asdict(entry) for room, entry in self._joined.copy().items()}
            content = {"joined": joined, "left": sorted(self._left.copy())}
            beside = self._path.with_suffix(".new")
            with beside.open("w", encoding="utf-8") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._path)


def _load(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _entries(saved: object) -> dict[RoomName, RoomEntry]:
    """Read the joined rooms; what is not a room's entry is passed over."""
    entries = {}
    content = saved if isinstance(saved, dict) else {}
    for room in _rooms(list(content)):
        try:
            entry = content[room]
            floor_ns, joined_ns = int(entry["floor_ns"]), int(entry["joined_ns"])
            entries[room] = RoomEntry(floor_ns, joined_ns, bool(entry["is_caught_up"]))
        except (KeyError, TypeError, ValueError):
            continue
    return entries


def _rooms(names: object) -> list[RoomName]:
    rooms = []
    for name in names if isinstance(names, list) else []:
        try:
            rooms.append(room_from_text(name))
        except (InvalidInputError, AttributeError):
            continue
    return rooms
