"""Which rooms are joined and how far this node is in each, kept over restarts."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Never

import structlog
import trio

from p2pd.chat.json_file import load_json, save_json
from p2pd.domain.names import RoomName, room_from_text
from p2pd.errors import ChatError, InvalidInputError
from p2pd.store.damage import chat_error_from

SAVE_REST_S = 5.0
"""Between two saves of what changes all the time."""

log_line = structlog.get_logger(__name__)


@dataclass(slots=True)
class RoomEntry:
    """A joined room.

    Attributes:
        floor_ns: Nothing sent earlier is fetched from others; nanoseconds since
            the epoch.
        joined_ns: When it was joined.
        sent_until: Sequence number up to which our own messages were handed to
            peers; what lies above it waits for somebody to come.
        is_caught_up: Whether as much of the past has been fetched as is wanted.
    """

    floor_ns: int
    joined_ns: int
    sent_until: int
    is_caught_up: bool = False


class RoomBook:
    """The joined rooms, and those of the settings that were left on purpose.

    Args:
        configured: Rooms of the settings; joined unless they were left.
        floor_ns: Of rooms that are joined for the first time, now.
        now_ns: The clock: of a room that is new here nothing waits to be sent.

    Raises:
        OSError: The file is there and cannot be read.
    """

    def __init__(
        self, path: Path, configured: Iterable[RoomName], floor_ns: int, now_ns: int
    ) -> None:
        self._path = path
        self._saving = threading.Lock()
        self._changed = trio.Event()
        self._saved = load_json(path)
        self._left = _left_rooms(self._saved.get("left"), now_ns)
        self._joined = _entries(self._saved.get("joined"), now_ns)
        for room in configured:
            if room not in self._left:
                self._joined.setdefault(room, RoomEntry(floor_ns, now_ns, now_ns))

    @property
    def is_saved(self) -> bool:
        """Whether the file says the same: until then a restart takes what waits for sent."""
        return self._content() == self._saved

    @property
    def joined(self) -> tuple[RoomName, ...]:
        """The joined rooms, by name."""
        return tuple(sorted(self._joined))

    @property
    def max_sent(self) -> int:
        """A sequence number that none of our own to come may reach down to."""
        return max((entry.sent_until for entry in self._joined.values()), default=0)

    def __contains__(self, room: RoomName) -> bool:
        return room in self._joined

    def __getitem__(self, room: RoomName) -> RoomEntry:
        return self._joined[room]

    def join(self, room: RoomName, floor_ns: int, now_ns: int) -> None:
        """Note that a room is joined; what waited there when it was left waits again."""
        sent_until = self._left.pop(room, now_ns)
        self._joined.setdefault(room, RoomEntry(floor_ns, now_ns, sent_until))

    def leave(self, room: RoomName) -> None:
        """Note that a room is left."""
        entry = self._joined.pop(room, None)
        if entry is not None:
            self._left[room] = entry.sent_until

    def changed(self) -> None:
        """Note that an entry is another one now; ``run`` saves it soon."""
        self._changed.set()

    async def run(self) -> Never:
        """Save what changes; ends by cancellation."""
        while True:
            await self._changed.wait()
            self._changed = trio.Event()
            try:
                await trio.to_thread.run_sync(self.save)
            except ChatError as error:
                log_line.warning("rooms not saved", error=str(error))
                self.changed()
            await trio.sleep(SAVE_REST_S)

    def save(self) -> None:
        """Write the file and wait for the disk; call it off the trio thread.

        Raises:
            StorageFullError: The disk has no room.
            StorageFailedError: The disk refuses.
        """
        with self._saving:
            content = self._content()
            try:
                save_json(self._path, content)
            except OSError as error:
                raise chat_error_from(error) from error
            self._saved = content

    def _content(self) -> dict[str, Any]:
        joined = {str(room): asdict(entry) for room, entry in self._joined.copy().items()}
        return {"joined": joined, "left": dict(self._left)}


def _left_rooms(saved: object, now_ns: int) -> dict[RoomName, int]:
    """Read the rooms left; older files name them only."""
    content = saved if isinstance(saved, dict) else {}
    names = list(content) if content else saved
    left = {}
    for room in _rooms(names):
        sent_until = content.get(room)
        left[room] = sent_until if isinstance(sent_until, int) else now_ns
    return left


def _entries(saved: object, now_ns: int) -> dict[RoomName, RoomEntry]:
    """Read the joined rooms; what is not a room's entry is passed over."""
    entries = {}
    content = saved if isinstance(saved, dict) else {}
    for room in _rooms(list(content)):
        try:
            entry = content[room]
            entries[room] = RoomEntry(
                int(entry["floor_ns"]),
                int(entry.get("joined_ns", now_ns)),
                int(entry.get("sent_until", now_ns)),
                bool(entry["is_caught_up"]),
            )
        except (AttributeError, KeyError, TypeError, ValueError):
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
