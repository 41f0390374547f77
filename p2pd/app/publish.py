"""What a caller publishes, and the answers kept so that a repeated call is safe."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass

import trio

from p2pd.domain.names import MessageId, RoomName

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
    """The newest answers by ``client_message_id``; the oldest go at the bound.

    A call that repeats one still under way waits for that one's answer.
    """

    def __init__(self, max_answers: int) -> None:
        self._max_answers = max_answers
        self._answers: OrderedDict[str, Published] = OrderedDict()
        self._under_way: dict[str, trio.Event] = {}

    async def wait(self, client_message_id: str) -> Published | None:
        """Return the first answer, or None where there was none."""
        while (event := self._under_way.get(client_message_id)) is not None:
            await event.wait()
        return self._answers.get(client_message_id)

    def begin(self, client_message_id: str) -> None:
        """Mark a publish as under way; follow with ``settle`` whatever happens."""
        self._under_way[client_message_id] = trio.Event()

    def settle(self, client_message_id: str, published: Published | None) -> None:
        """Keep the answer, None where there is none, and let repeated calls go on."""
        if published is not None:
            self._answers[client_message_id] = published
            if len(self._answers) > self._max_answers:
                self._answers.popitem(last=False)
        self._under_way.pop(client_message_id).set()
