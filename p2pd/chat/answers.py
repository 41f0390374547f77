"""The answers of publishes that named themselves, so that a repeated call is safe.

A repeat is a publish of the same caller with the same ``client_message_id``, room
and bytes; it gets the first answer. The same id with anything else is refused.
Used by ``publisher``.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
import trio

from p2pd.domain.names import RoomName
from p2pd.domain.publishes import Publish, Published
from p2pd.errors import ChatError, ClientMessageIdReusedError, PublishFailedError

log_line = structlog.get_logger(__name__)

Key = tuple[str, str]
"""The caller's name and its ``client_message_id``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a publish was answered, and what it published."""

    published: Published
    room: RoomName
    digest: bytes


def key_of(publish: Publish) -> Key | None:
    """Return what names a publish, None where it has no name."""
    if not publish.client_message_id:
        return None
    return publish.caller.name, publish.client_message_id


def answer_to(publish: Publish, published: Published) -> Answer:
    """Remember what was published with the answer."""
    return Answer(published, publish.room, digest_of(publish.data))


def digest_of(data: bytes) -> bytes:
    """Shorten a message's content to what tells it from others."""
    return hashlib.sha256(data).digest()


def published_again(publish: Publish, answer: Answer) -> Published:
    """Return the first answer for a repeat of it.

    Raises:
        ClientMessageIdReusedError: It is another publish.
    """
    if (publish.room, digest_of(publish.data)) != (answer.room, answer.digest):
        raise ClientMessageIdReusedError
    return answer.published


LookUp = Callable[[Sequence[Key]], Awaitable[Mapping[Key, Answer]]]


class Answers:
    """The newest answers in memory; older ones are in the log.

    Args:
        max_answers: Answers in memory at most; the oldest are evicted.
        look_up: Finds those of some answers that are in the log.
    """

    def __init__(self, max_answers: int, look_up: LookUp) -> None:
        self._max_answers = max_answers
        self._look_up = look_up
        self._answers: OrderedDict[Key, Answer] = OrderedDict()
        self._under_way: dict[Key, trio.Event] = {}
        self._looked_up: dict[Key, Answer | ChatError] = {}
        """What is known of the keys under way."""
        self._looking_up = trio.Lock()

    @asynccontextmanager
    async def claimed(self, keys: Collection[Key]) -> AsyncIterator[None]:
        """Wait until none of these is under way elsewhere; inside the block all are here.

        All at once: two that each waited for one while holding another could wait
        for ever.
        """
        while common := self._under_way.keys() & keys:
            await self._under_way[common.pop()].wait()
        self._under_way.update({key: trio.Event() for key in keys})
        try:
            await self._look_up_all(keys)
            yield
        finally:
            for key in keys:
                self._looked_up.pop(key, None)
                self._under_way.pop(key).set()

    def find(self, key: Key) -> Answer | None:
        """Return the answer of the first publish with this claimed key, None where none was.

        Raises:
            ChatError: The log cannot be read.
        """
        found = self._looked_up.get(key)
        if isinstance(found, ChatError):
            raise found
        return found

    async def _look_up_all(self, keys: Collection[Key]) -> None:
        """Ask the log once for all keys, or one by one where that fails.

        One after the other, those with nothing to ask for too: what was claimed
        first goes on first.
        """
        # Held here: an answer may be evicted from memory before it is asked for.
        self._looked_up.update({key: self._answers[key] for key in keys if key in self._answers})
        unknown = [key for key in keys if key not in self._answers]
        if not unknown and not self._looking_up.locked():
            return
        async with self._looking_up:
            if not unknown:
                return
            try:
                self._looked_up.update(await self._look_up(unknown))
            # Boundary: what one answer trips over is not the fault of the others.
            except Exception:
                for key in unknown:
                    await self._look_up_one(key)

    async def _look_up_one(self, key: Key) -> None:
        try:
            self._looked_up.update(await self._look_up([key]))
        except ChatError as error:
            self._looked_up[key] = error
        except Exception:
            log_line.exception("answer of a publish not found")
            self._looked_up[key] = PublishFailedError()

    def store(self, key: Key, answer: Answer) -> None:
        """Remember an answer that is safe on disk."""
        self._answers[key] = answer
        if len(self._answers) > self._max_answers:
            self._answers.popitem(last=False)
