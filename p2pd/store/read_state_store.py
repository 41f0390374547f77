"""What a store retains of who read how far, and what is counted from it.

Used by ``p2pd.chat.read_state``, the only writer of read markers.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from p2pd.domain.conversations import ReaderName
from p2pd.domain.names import PeerId
from p2pd.domain.records import Conversation

MAX_READERS = 256
MAX_MARKERS = 1024
"""Of one reader."""

Markers = Mapping[Conversation, int]
"""The offset up to which each conversation was read."""


def offsets(values: list[int] | None = None) -> array[int]:
    """Return offsets in little memory: eight bytes each."""
    return array("q", values or [])


@dataclass(slots=True)
class StoredOffsets:
    """Where the messages of one conversation are.

    Attributes:
        others: Of messages that are not this node's own, ascending.
        mentions: Those of them that mention this node, ascending.
        newest: Of the newest message of whoever; 0 where there is none.
    """

    others: array[int] = field(default_factory=offsets)
    mentions: array[int] = field(default_factory=offsets)
    newest: int = 0


class ReadStateStore(Protocol):
    """Read markers that survive a restart as long as the messages do.

    ``save_marker`` is called in the trio thread, everything else in any.
    """

    @property
    def evicted_readers(self) -> int:
        """How many readers were evicted since the start, for those that came."""

    def markers(self, reader: ReaderName) -> Markers:
        """Return how far a reader has read, from memory; not to be changed."""

    def save_marker(self, reader: ReaderName, conversation: Conversation, until: int) -> None:
        """Commit a marker; one of a conversation without a record is not stored.

        At most 256 readers are stored, with 1,024 markers each; the one that was set
        longest ago is evicted.

        Raises:
            StorageFullError: The disk has no room; nothing was changed.
            StorageFailedError: The disk refuses; nothing was changed.
        """

    def stored_offsets(
        self,
        conversation: Conversation,
        author_bytes: bytes,
        until: int,
        hidden: Sequence[PeerId] = (),
    ) -> StoredOffsets:
        """Return where a conversation's messages are, up to an offset.

        Args:
            author_bytes: What the ids of our own messages begin with.
            hidden: Authors whose messages are not meant.
        """

    async def wait_committed(self) -> None:
        """Wait until all that was committed before the call survives a power cut."""
