"""What a session is about: the room's part that is wanted, and what the store gives of it.

Used by the rules of ``session`` and by ``service``, which makes a ``Scope`` for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from p2pd.domain.items import Bound, Item
from p2pd.domain.names import RoomName
from p2pd.sync.reconciliation import ItemSet


class SessionSource(Protocol):
    """What one session is about; asked in worker threads."""

    def item_set(self, room: RoomName) -> ItemSet:
        """Return the room's items."""

    def signed_bytes(self, room: RoomName, items: Sequence[Item]) -> Sequence[bytes]:
        """Return the messages of these items that are stored, as their authors signed them.

        Args:
            items: With whole digests or as much of them, the same of each.
        """


class SyncSource(SessionSource, Protocol):
    """The store as synchronisation needs it; asked in worker threads."""

    def displaced_set(self, room: RoomName) -> ItemSet:
        """Return the items of the room's displaced messages."""


class DisplacedSource:
    """The displaced messages of a source, as if they were all."""

    def __init__(self, source: SyncSource) -> None:
        self._source = source

    def item_set(self, room: RoomName) -> ItemSet:
        """Return the items of the room's displaced messages."""
        return self._source.displaced_set(room)

    def signed_bytes(self, room: RoomName, items: Sequence[Item]) -> Sequence[bytes]:
        """Return the messages of these items that are stored."""
        return self._source.signed_bytes(room, items)


@dataclass(frozen=True, slots=True)
class Scope:
    """What this node wants of a room.

    Attributes:
        begin: Items from here up to ``floor`` are not wanted.
        joined: What is below was sent before this node joined.
        newest: How much of that it stores at most, the newest; None: all of it.
        is_displaced: Only the messages that cannot be found by their time are meant.
    """

    room: RoomName
    begin: Bound
    floor: Bound
    joined: Bound
    newest: int | None = None
    is_displaced: bool = False

    @property
    def unasked_floor(self) -> Bound:
        """From where on it takes what is given unasked."""
        return self.floor if self.newest is None else max(self.floor, self.joined)


class SessionResult(NamedTuple):
    """What a session did.

    Attributes:
        received: Messages that were new to this node.
        sent: Messages given to the peer.
        is_complete: Whether nothing was left for the next session.
        left_out: Sequence number up to which older messages were left out; None
            where nothing was.
        equal_from: The peer has every item of this node from this sequence number on;
            None where that was not shown.
    """

    received: int = 0
    sent: int = 0
    is_complete: bool = True
    left_out: int | None = None
    equal_from: int | None = None
