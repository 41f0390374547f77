"""Messages that came and could not be stored: which, and what was reported of them to readers.

Owned by ``inbox``. A message is counted once, however often it comes again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, RoomName

MAX_MISSED = 10_000
"""Messages remembered as missed; beyond it they are counted again when they come again."""


class Outage:
    """What is missed now, the oldest forgotten at the bound; their rooms are not.

    Args:
        on_forget: Called for each message that is forgotten.
    """

    def __init__(self, on_forget: Callable[[], None], max_missed: int = MAX_MISSED) -> None:
        self._on_forget = on_forget
        self._max_missed = max_missed
        self._missed: dict[MessageId, None] = {}
        self._rooms: set[RoomName] = set()
        self._unreported = 0

    @property
    def is_over(self) -> bool:
        """Whether nothing is missed that could be fetched."""
        return not self._missed

    def add(self, messages: Iterable[Message]) -> None:
        """Add messages that could not be stored."""
        for message in messages:
            if message.message_id not in self._missed:
                self._missed[message.message_id] = None
                self._rooms.add(message.room)
                self._unreported += 1
                if len(self._missed) > self._max_missed:
                    del self._missed[next(iter(self._missed))]
                    self._on_forget()

    def end(self) -> frozenset[RoomName]:
        """Forget what is missed; return the rooms in which it is to be fetched."""
        rooms = frozenset(self._rooms)
        self._rooms.clear()
        self._missed.clear()
        return rooms

    def pop_unreported(self) -> int:
        """Return how many were missed since the last call."""
        count, self._unreported = self._unreported, 0
        return count
