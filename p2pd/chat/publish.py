"""What a caller publishes, and the answers kept so that a repeated call is safe."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

import trio

from p2pd.domain.names import MessageId, RoomName
from p2pd.errors import ChatError

MAX_CLIENT_MESSAGE_ID_BYTES = 128


@dataclass(frozen=True, slots=True)
class Publish:
    """A caller's wish to send ``data`` to ``room``; the id may be empty."""

    room: RoomName
    data: bytes
    client_message_id: str = ""


@dataclass(frozen=True, slots=True)
class Published:
    """The node owns the message.

    Attributes:
        recipients: Peers it was handed to right away.
    """

    message_id: MessageId
    cursor: str
    recipients: int


class Answers:
    """The newest answers by ``client_message_id``; older ones are in the log.

    A call that repeats one still under way waits for that one's answer.

    Args:
        look_up: Finds an answer in the log.
    """

    def __init__(self, max_answers: int, look_up: Callable[[str], Published | None]) -> None:
        self._max_answers = max_answers
        self._look_up = look_up
        self._answers: OrderedDict[str, Published] = OrderedDict()
        self._under_way: dict[str, trio.Event] = {}

    async def claim(self, client_message_ids: Collection[str]) -> None:
        """Wait until none of these is under way, then mark all as such; ``settle`` each.

        All at once: who waited for one while holding another could wait for ever.
        """
        while taken := self._under_way.keys() & client_message_ids:
            await self._under_way[taken.pop()].wait()
        self._under_way.update({one: trio.Event() for one in client_message_ids})

    def find(self, client_message_id: str) -> Published | None:
        """Return the first answer, or None where there was none."""
        return self._answers.get(client_message_id) or self._look_up(client_message_id)

    def settle(self, client_message_id: str, published: Published | None) -> None:
        """Keep the answer, None where there is none, and let repeated calls go on."""
        if published is not None:
            self._answers[client_message_id] = published
            if len(self._answers) > self._max_answers:
                self._answers.popitem(last=False)
        self._under_way.pop(client_message_id).set()


class Batch:
    """Publishes that become safe together, and what became of each."""

    def __init__(self, answers: Answers) -> None:
        self._answers = answers
        self._outcomes: dict[int, Published | ChatError] = {}
        self._places: list[int] = []
        """Where the outcome of each publish is; one that repeats another has the other's."""
        self._place_of: dict[str, int] = {}
        self._claimed: frozenset[str] = frozenset()
        self._open: list[int] = []

    @property
    def outcomes(self) -> list[Published | ChatError]:
        """What became of each publish, in the order added."""
        return [self._outcomes[place] for place in self._places]

    async def claim(self, publishes: Sequence[Publish]) -> None:
        """Wait for other batches that publish the same; follow with ``settle``."""
        keys = frozenset(one.client_message_id for one in publishes) - {""}
        await self._answers.claim(keys)
        self._claimed = keys

    def add(self, publish: Publish) -> bool:
        """Add a publish that was claimed; return whether it is new, and is to be accepted."""
        key = publish.client_message_id
        place = self._place_of.get(key, len(self._places))
        self._places.append(place)
        if place < len(self._places) - 1:
            return False
        if key:
            self._place_of[key] = place
            known = self._answers.find(key)
            if known is not None:
                self._outcomes[place] = known
                return False
        self._open.append(place)
        return True

    def note(self, outcomes: Sequence[Published | ChatError]) -> None:
        """Note what became of those to be accepted since the last time, in order."""
        for place, outcome in zip(self._open, outcomes, strict=True):
            self._outcomes[place] = outcome
        self._open.clear()

    def fail(self, error: ChatError) -> None:
        """Take back every answer, repeated ones too: what is in the log may not be safe."""
        for place, outcome in self._outcomes.items():
            if isinstance(outcome, Published):
                self._outcomes[place] = error

    def settle(self) -> None:
        """Let calls that repeat one of this batch go on."""
        for key in self._claimed:
            outcome = self._outcomes.get(self._place_of.get(key, -1))
            self._answers.settle(key, outcome if isinstance(outcome, Published) else None)
