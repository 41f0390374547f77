"""What a store retains of rooms beside their messages, and who may write it.

``p2pd.chat.membership`` is the only caller of ``save_rooms``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from p2pd.domain.names import RoomName


@dataclass(frozen=True, slots=True)
class RoomRecord:
    """This node's membership of one room.

    Attributes:
        is_joined: False for a room that was left.
        floor_ns: Nothing sent earlier is fetched from others; nanoseconds since
            the epoch.
        joined_ns: When it was joined; nanoseconds since the epoch.
        sent_until: Sequence number up to which our own messages were handed to
            peers; those above it wait for a peer of the room.
        is_caught_up: Whether as much of the past has been fetched as is wanted.
    """

    is_joined: bool
    floor_ns: int
    joined_ns: int
    sent_until: int
    is_caught_up: bool = False


class RoomStore(Protocol):
    """Room records that survive a restart; called in the trio thread.

    A record of a joined room is stored until it is replaced. A record of a room
    that was left is stored as long as the room has stored messages or the
    settings name it (``open_store(configured_rooms=...)``); then it is removed,
    and the room costs nothing any more. So ``save_rooms`` may store less than it
    was given, and ``room_records`` may return less than before.
    """

    def room_records(self) -> dict[RoomName, RoomRecord]:
        """Return a copy of what is stored, from memory."""

    def save_rooms(self, records: Mapping[RoomName, RoomRecord]) -> None:
        """Commit these records in one transaction: all of them or none.

        Takes about 0.1 ms. The records survive a kill of the process at once, and
        a power cut after ``wait_committed``.

        Raises:
            StorageFullError: The disk has no room; nothing was changed.
            StorageFailedError: The disk refuses; nothing was changed.
        """

    async def wait_committed(self) -> None:
        """Wait until all that was committed before the call survives a power cut.

        Callers that wait at the same time share one fsync.

        Raises:
            StorageFailedError: It may not survive.
        """
