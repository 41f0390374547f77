"""What every message store offers to the log, wherever it keeps the messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, RoomName


@dataclass(frozen=True, slots=True)
class Stored:
    """A message at its offset: 1 for the first of the log, without holes."""

    offset: int
    message: Message


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Messages of one room in log order, and whether more lie in the direction asked."""

    messages: tuple[Stored, ...]
    more: bool


class MessageStore(Protocol):
    """Messages in order of arrival, the oldest dropped by retention.

    ``append`` is called by one thread; everything else by any.
    """

    @property
    def epoch(self) -> str:
        """Name of this log; a new one after a loss."""

    @property
    def first_offset(self) -> int:
        """Offset of the oldest message kept; ``last_offset + 1`` when empty."""

    @property
    def last_offset(self) -> int:
        """Offset of the newest message ever appended; 0 when there was none."""

    def append(self, messages: Sequence[Message]) -> None:
        """Keep messages at the next offsets. None may be in the log already."""

    def offset_of(self, message_id: MessageId) -> int | None:
        """Return where a kept message is, or None."""

    def read(self, after: int, until: int, max_bytes: int) -> tuple[Stored, ...]:
        """Return messages with ``after < offset <= until``, at least one if there is one."""

    def page_before(self, room: RoomName, before: int, limit: int) -> StoredPage:
        """Return the newest ``limit`` messages of a room below an offset."""

    def page_after(self, room: RoomName, after: int, limit: int) -> StoredPage:
        """Return the oldest ``limit`` messages of a room above an offset."""

    def count(self, room: RoomName) -> int:
        """Return how many messages of a room are kept."""
