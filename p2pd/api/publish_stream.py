"""One PublishStream: what came in is handed over at once, answers go out in order.

Reading and answering go on side by side. Nothing here is dropped: reading stops
while too much is in hand, and gRPC's flow control tells the caller.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

import grpc
from wsp.chat.v1 import chat_pb2

from p2pd.api.bridge import Bridge
from p2pd.api.grpc_types import Context
from p2pd.api.in_hand import Share
from p2pd.api.ports import Publishing
from p2pd.api.publish_from_request import publish_from_request, result_from_outcome
from p2pd.api.publish_pipeline import Answered, Asked, PublishPipeline
from p2pd.api.request_from_bytes import request_from_bytes
from p2pd.domain.callers import Caller
from p2pd.domain.publishes import Publish
from p2pd.errors import ChatError, InvalidInputError, NodeStoppingError

MAX_PUBLISHES_A_REQUEST = 1_000


class PublishStream:
    """Publish what one caller sends, in order, and answer each.

    Bounded: no more is read while its share of what all streams may have under way
    waits for answers.
    """

    def __init__(
        self,
        publishing: Publishing,
        bridge: Bridge,
        context: Context,
        caller: Caller,
        share: Share,
    ) -> None:
        self._caller = caller
        self._context = context
        self._pipeline = PublishPipeline(publishing, bridge, self._note_answered)
        self._answered: deque[Answered] = deque()
        self._share = share
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._end: ChatError | None = None
        self._reading: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Go on until the caller ends the stream and all is answered.

        Raises:
            InvalidInputError: A request broke the rules; what came before it is
                answered.
            MalformedRequestError: A request cannot be decoded; likewise.
            NodeStoppingError: The API stopped; what was read is answered.
        """
        self._reading = asyncio.create_task(self._read_all())
        self._reading.add_done_callback(lambda _: self._changed.set())
        try:
            await self._answer_all(self._reading)
        finally:
            self._reading.cancel()
            self._share.release()
        if self._end is not None:
            raise self._end

    def stop(self) -> None:
        """Read no more; answer what was read and end."""
        self._end = NodeStoppingError()
        if self._reading is not None:
            self._reading.cancel()

    async def _read_all(self) -> None:
        while (data := await self._context.read()) is not grpc.aio.EOF:
            try:
                self._take(request_from_bytes(chat_pb2.PublishStreamRequest, data))
            except ChatError as error:
                self._end = error
                return
            while self._share.is_full:
                self._room.clear()
                await self._room.wait()

    def _take(self, request: chat_pb2.PublishStreamRequest) -> None:
        if not 1 <= len(request.publishes) <= MAX_PUBLISHES_A_REQUEST:
            raise InvalidInputError(
                "publishes",
                "INVALID_BATCH",
                f"a request holds 1 to {MAX_PUBLISHES_A_REQUEST} publishes",
            )
        asked = [_asked_from_request(publish, self._caller) for publish in request.publishes]
        self._pipeline.submit(asked)
        self._share.add(len(asked), sum(map(_size_bytes, asked)))

    async def _answer_all(self, reading: asyncio.Task[None]) -> None:
        while self._share.publishes or not reading.done():
            if not self._answered:
                self._changed.clear()
                await self._changed.wait()
                continue
            await self._write(self._answered.popleft())
            self._room.set()
        if not reading.cancelled():
            reading.result()

    def _note_answered(self, answered: Sequence[Answered]) -> None:
        self._answered.extend(answered)
        self._changed.set()

    async def _write(self, answered: Answered) -> None:
        if answered.failure is not None:
            raise answered.failure
        self._share.add(-len(answered.batch), -sum(map(_size_bytes, answered.batch)))
        await self._context.write(_response(answered))


def _asked_from_request(request: chat_pb2.PublishRequest, caller: Caller) -> Asked:
    try:
        return request.client_message_id, publish_from_request(request, caller)
    except ChatError as error:
        return request.client_message_id, error


def _size_bytes(asked: Asked) -> int:
    key, publish = asked
    return len(key.encode()) + (len(publish.data) if isinstance(publish, Publish) else 0)


def _response(answered: Answered) -> chat_pb2.PublishStreamResponse:
    rest = iter(answered.outcomes)
    return chat_pb2.PublishStreamResponse(
        results=[
            result_from_outcome(key, next(rest) if isinstance(asked, Publish) else asked)
            for key, asked in answered.batch
        ]
    )
