"""The answers of publishes that named themselves, so that a repeated call is safe.

A repeat is a publish of the same caller with the same ``client_message_id``,
conversation and bytes; it gets the first answer. The same id with anything else is refused.
Used by ``publisher``.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import trio

from p2pd.domain.names import MessageId
from p2pd.domain.publishes import Publish, Published
from p2pd.domain.records import Conversation
from p2pd.errors import ClientMessageIdReusedError

Key = tuple[str, str]
"""The caller's name and its ``client_message_id``."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a publish was answered, and what it published."""

    published: Published
    conversation: Conversation
    digest: bytes


def key_of(publish: Publish) -> Key | None:
    """Return what names a publish, None where it has no name."""
    if not publish.client_message_id:
        return None
    return publish.caller.name, publish.client_message_id


def answer_to(publish: Publish, published: Published) -> Answer:
    """Remember what was published with the answer."""
    return Answer(published, publish.conversation, digest_of(publish.data))


def digest_of(data: bytes) -> bytes:
    """Shorten a message's content to what tells it from others."""
    return hashlib.sha256(data).digest()


def published_again(publish: Publish, answer: Answer) -> Published:
    """Return the first answer for a repeat of it.

    Raises:
        ClientMessageIdReusedError: It is another publish.
    """
    content = publish.conversation, digest_of(publish.data)
    if content != (answer.conversation, answer.digest):
        raise ClientMessageIdReusedError
    return answer.published


LookUp = Callable[[Key], Answer | None]
_Packed = tuple[str, str, int, Conversation, bytes]
"""An answer as a plain tuple of plain values, which the garbage collector does not visit:
of 100,000 answers as objects each full collection took 30 ms."""


class Answers:
    """The newest answers in memory; older ones are in the log.

    A publish that no task waits for is finished here later: its keys stay claimed until
    something in trio asks for a claim, and trio is not woken for it unless it waits.

    Args:
        max_answers: Answers in memory at most; the oldest are evicted.
        look_up: Finds an answer that is in the log.
    """

    def __init__(self, max_answers: int, look_up: LookUp) -> None:
        self._max_answers = max_answers
        self._look_up = look_up
        self._answers: OrderedDict[Key, _Packed] = OrderedDict()
        self._under_way: dict[Key, trio.Event | None] = {}
        """Claimed keys; the event is made by the first that waits for one."""
        self._unfinished: deque[Callable[[], None]] = deque()
        """What is to be done in trio for publishes that are settled, bounded by those claimed."""
        self._awaiting = 0
        """Who waits for a claimed key; read in other threads."""
        self._trio: trio.lowlevel.TrioToken | None = None

    @asynccontextmanager
    async def claimed(self, keys: Collection[Key]) -> AsyncIterator[None]:
        """Wait until none of these is under way elsewhere; inside the block all are here.

        All at once: two that each waited for one while holding another could wait
        for ever.
        """
        self.finish_settled()
        while common := self._under_way.keys() & keys:
            await self._wait_released(common.pop())
        self._under_way.update(dict.fromkeys(keys))
        try:
            yield
        finally:
            self.release(keys)

    def claim(self, keys: Collection[Key]) -> bool:
        """Claim keys until ``release``; False, and none is claimed, where one is under way."""
        self.finish_settled()
        if not self._under_way.keys().isdisjoint(keys):
            return False
        self._under_way.update(dict.fromkeys(keys))
        if self._trio is None:
            self._trio = trio.lowlevel.current_trio_token()
        return True

    def release(self, keys: Collection[Key]) -> None:
        """Let others claim these keys."""
        for key in keys:
            event = self._under_way.pop(key)
            if event is not None:
                event.set()

    def finish_later(self, finish: Callable[[], None]) -> None:
        """Call a function in trio before the next claim; callable from any thread.

        Trio is woken for it only where somebody waits for a claimed key.
        """
        self._unfinished.append(finish)
        if self._awaiting and self._trio is not None:
            with suppress(trio.RunFinishedError):
                self._trio.run_sync_soon(self.finish_settled)

    def finish_settled(self) -> None:
        """Do what is left to do for settled publishes; in trio."""
        while self._unfinished:
            self._unfinished.popleft()()

    async def _wait_released(self, key: Key) -> None:
        self._awaiting += 1
        try:
            # What was settled before this one was counted did not wake trio.
            self.finish_settled()
            if key in self._under_way:
                event = self._under_way[key]
                if event is None:
                    event = self._under_way[key] = trio.Event()
                await event.wait()
        finally:
            self._awaiting -= 1

    def find(self, key: Key) -> Answer | None:
        """Return the answer of the first publish with this claimed key, None where none was.

        Raises:
            ChatError: The log cannot be read.
        """
        packed = self._answers.get(key)
        return self._look_up(key) if packed is None else _unpacked(packed)

    def store(self, key: Key, answer: Answer) -> None:
        """Remember an answer that is safe on disk."""
        self._answers[key] = _packed(answer)
        if len(self._answers) > self._max_answers:
            self._answers.popitem(last=False)


def _packed(answer: Answer) -> _Packed:
    published = answer.published
    return (
        published.message_id,
        published.cursor,
        published.recipients,
        answer.conversation,
        answer.digest,
    )


def _unpacked(packed: _Packed) -> Answer:
    message_id, cursor, recipients, conversation, digest = packed
    published = Published(MessageId(message_id), cursor, recipients)
    return Answer(published, conversation, digest)
