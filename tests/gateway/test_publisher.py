"""How publishes go over the stream: at once, or gathered behind one without an answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any, cast

from wsp.chat.v1 import chat_pb2

from gateway.node.link import Link
from gateway.node.publisher import Publisher
from tests.driver.waiting import wait_until_async

LONG_S = 60.0
"""So long that nothing of a test ends by it."""


class FakeCall:
    """One PublishStream: keeps what is written, and answers when a test says so."""

    def __init__(self) -> None:
        self.requests: list[list[str]] = []
        self._responses: asyncio.Queue[chat_pb2.PublishStreamResponse] = asyncio.Queue()

    async def write(self, request: chat_pb2.PublishStreamRequest) -> None:
        self.requests.append([publish.text for publish in request.publishes])

    def answer(self, count: int) -> None:
        """Answer the oldest ``count`` publishes."""
        published = chat_pb2.PublishResponse(message_id="m", cursor="c")
        results = [chat_pb2.PublishResult(published=published) for _ in range(count)]
        self._responses.put_nowait(chat_pb2.PublishStreamResponse(results=results))

    def cancel(self) -> None:
        """End the call."""

    async def __aiter__(self) -> AsyncIterator[chat_pb2.PublishStreamResponse]:
        while True:
            yield await self._responses.get()


class FakeLink:
    """A node that is there."""

    is_following = True
    is_stopping = False

    def __init__(self) -> None:
        self.call = FakeCall()
        self.stub = self

    def PublishStream(self, *, metadata: object) -> FakeCall:  # noqa: N802 as gRPC names it
        assert metadata == ()
        return self.call

    def metadata(self) -> tuple[()]:
        return ()

    async def wait_ready(self) -> None:
        return

    def mark_alive(self) -> None:
        return


class Conversation:
    """A publisher, and what it has sent and answered."""

    def __init__(self, gather_s: float) -> None:
        link = FakeLink()
        self.call = link.call
        self.answered: list[str] = []
        self.publisher = Publisher(cast(Link, link), 1_000, gather_s)

    def submit(self, *texts: str) -> None:
        for text in texts:
            self.publisher.submit("room", text, text, partial(self._note, text))

    async def wait_sent(self, *requests: list[str]) -> None:
        async def sent() -> list[list[str]]:
            return self.call.requests

        await wait_until_async(sent, lambda seen: seen == list(requests))

    async def wait_answered(self, *texts: str) -> None:
        async def answered() -> list[str]:
            return self.answered

        await wait_until_async(answered, lambda seen: seen == list(texts))

    def _note(self, text: str, _outcome: object) -> None:
        self.answered.append(text)


def converse(gather_s: float, talk: Callable[[Conversation], Awaitable[Any]]) -> None:
    async def run() -> None:
        conversation = Conversation(gather_s)
        running = asyncio.create_task(conversation.publisher.run())
        try:
            await talk(conversation)
        finally:
            running.cancel()
            await asyncio.wait({running})

    asyncio.run(run())


def test_publish_behind_answered_ones_is_sent_at_once() -> None:
    async def talk(conversation: Conversation) -> None:
        for number in range(3):
            conversation.submit(f"{number}")
            await conversation.wait_sent(*([f"{sent}"] for sent in range(number + 1)))
            conversation.call.answer(1)
            await conversation.wait_answered(*(f"{sent}" for sent in range(number + 1)))

    converse(LONG_S, talk)


def test_publishes_behind_an_unanswered_one_are_sent_together_once_it_is_answered() -> None:
    async def talk(conversation: Conversation) -> None:
        conversation.submit("first")
        await conversation.wait_sent(["first"])
        for text in ("second", "third"):
            conversation.submit(text)
            await asyncio.sleep(0)
        conversation.call.answer(1)
        await conversation.wait_sent(["first"], ["second", "third"])
        conversation.call.answer(2)
        await conversation.wait_answered("first", "second", "third")

    converse(LONG_S, talk)


def test_publishes_do_not_wait_long_for_a_node_that_does_not_answer() -> None:
    async def talk(conversation: Conversation) -> None:
        conversation.submit("first")
        await conversation.wait_sent(["first"])
        conversation.submit("second", "third")
        await conversation.wait_sent(["first"], ["second", "third"])
        conversation.submit("fourth")
        await conversation.wait_sent(["first"], ["second", "third"], ["fourth"])

    converse(0.001, talk)
