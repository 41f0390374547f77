"""Which rooms are joined, kept in the data directory over restarts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from p2pd.domain.names import RoomName, room_from_text
from p2pd.errors import InvalidInputError


class RoomBook:
    """The joined rooms, and those of the settings that were left on purpose.

    Raises:
        OSError: The file is there and cannot be read.
    """

    def __init__(self, path: Path, configured: Iterable[RoomName]) -> None:
        self._path = path
        saved = _load(path)
        self._left = set(saved.get("left", ()))
        wanted = [*configured, *saved.get("joined", ())]
        self._joined = dict.fromkeys(room for room in wanted if room not in self._left)

    @property
    def joined(self) -> tuple[RoomName, ...]:
        """The joined rooms, by name."""
        return tuple(sorted(self._joined))

    def __contains__(self, room: RoomName) -> bool:
        return room in self._joined

    def join(self, room: RoomName) -> None:
        """Note that a room is joined."""
        self._joined[room] = None
        self._left.discard(room)

    def leave(self, room: RoomName) -> None:
        """Note that a room is left."""
        self._joined.pop(room, None)
        self._left.add(room)

    def save(self) -> None:
        """Write the file and wait for the disk; call it off the trio thread."""
        content = {"joined": list(self.joined), "left": sorted(self._left)}
        beside = self._path.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(content, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)


def _load(path: Path) -> dict[str, list[RoomName]]:
    """Read the file; what is not a room's name is passed over."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {key: _rooms(content.get(key)) for key in ("joined", "left")}


def _rooms(names: object) -> list[RoomName]:
    rooms = []
    for name in names if isinstance(names, list) else []:
        try:
            rooms.append(room_from_text(name))
        except (InvalidInputError, AttributeError):
            continue
    return rooms
