"""Small facts that a store retains by kind and key: profiles, petnames, blocks and the like.

Each kind has one owner in ``p2pd.chat``, which bounds it, reads it at the start and is the
only one that writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Protocol


class EntryKind(IntEnum):
    """What an entry is; the numbers are stored.

    Attributes:
        PROFILE: A signed profile, by peer id.
        PETNAME: What a peer is called at this node, by peer id.
        BLOCKED: A peer that is blocked, by peer id.
        UNDIALLED: A peer that is not dialled, by peer id.
        HIDDEN: A message that is not shown, by message id.
        MUTED: A room that is muted, by name.
        DIRECT_REQUEST: A direct message that waits for consent, by message id.
        DIRECT_DECLINED: A peer whose direct messages are declined, by peer id.
        HELD_UNTIL: Up to where a peer has our own messages of a room, by both.
    """

    PROFILE = 0
    PETNAME = 1
    BLOCKED = 2
    UNDIALLED = 3
    HIDDEN = 4
    MUTED = 5
    HELD_UNTIL = 6
    DIRECT_REQUEST = 7
    DIRECT_DECLINED = 8


class EntryStore(Protocol):
    """Entries that survive a restart; called in the trio thread."""

    def entries(self, kind: EntryKind) -> Mapping[str, bytes]:
        """Return a copy of the entries of a kind, from memory, the oldest first."""

    def save_entry(self, kind: EntryKind, key: str, value: bytes | None) -> None:
        """Commit an entry in the place of the one before; None removes it.

        Raises:
            StorageFullError: The disk has no room; nothing was changed.
            StorageFailedError: The disk refuses; nothing was changed.
        """

    async def wait_committed(self) -> None:
        """Wait until all that was committed before the call survives a power cut.

        Raises:
            StorageFailedError: It may not survive.
        """
