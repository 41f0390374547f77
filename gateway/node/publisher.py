"""All publishes over one stream to the node, answered in the order sent.

Run by ``gateway.app``; used by ``gateway.browser`` and ``gateway.http.rest``.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import grpc.aio
import structlog
from wsp.chat.v1 import chat_pb2

from gateway.errors import NODE_AWAY, OUTCOME_UNKNOWN, NodeError, Refusal
from gateway.frames import Fields
from gateway.node.link import Link
from gateway.node.refusals import refusal_from_rpc_error, refusal_from_status
from gateway.node.translation import fields_from_published

log = structlog.get_logger(__name__)

MAX_BATCH = 500
MAX_BATCH_BYTES = 128 * 1024
"""One publish is at most a frame, so a batch stays below the node's 256 KiB."""
PUBLISH_OVERHEAD_BYTES = 64
PATIENCE_S = 10.0
"""How long a publish may wait for its answer before its sender is told so."""
SWEEP_S = 0.5

Outcome: TypeAlias = Fields | Refusal
Answer: TypeAlias = Callable[[Outcome], None]


@dataclass(slots=True)
class _Pending:
    """A publish on its way.

    Attributes:
        node_life: The process it was sent to first; empty before.
    """

    request: chat_pb2.PublishRequest
    answer: Answer
    deadline_s: float
    node_life: str = ""
    is_answered: bool = False

    def settle(self, outcome: Outcome) -> bool:
        """Answer once; return whether this was the first answer."""
        if self.is_answered:
            return False
        self.is_answered = True
        self.answer(outcome)
        return True


class Publisher:
    """Send publishes and hand each its answer.

    At most ``max_in_flight`` are here at a time; callers ask ``has_room`` first
    and are woken by ``wait_for_room``. What was sent but not answered when the
    stream breaks is sent again under the same ``client_message_id`` where the
    node is still the same process, and refused as unknown where it is not: a
    node that forgot what it accepted would send it twice.
    """

    def __init__(self, link: Link, max_in_flight: int) -> None:
        self._link = link
        self._max_in_flight = max_in_flight
        self._waiting: deque[_Pending] = deque()
        self._sent: deque[_Pending] = deque()
        self._count = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._filled = asyncio.Event()
        self._room_wanted: dict[Callable[[], None], None] = {}
        self._node_life = ""

    @property
    def in_flight(self) -> int:
        """Publishes not answered yet."""
        return self._count

    def has_room(self) -> bool:
        """Whether one more may be submitted."""
        return self._count < self._max_in_flight

    def wait_for_room(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once when there is room again; callers take turns."""
        self._room_wanted[callback] = None

    def forget(self, callback: Callable[[], None]) -> None:
        """Undo ``wait_for_room``."""
        self._room_wanted.pop(callback, None)

    def submit(self, room: str, text: str, client_message_id: str, answer: Answer) -> None:
        """Send a text; ``answer`` is called once, after this has returned."""
        if not self._link.is_following:
            asyncio.get_running_loop().call_soon(answer, NODE_AWAY)
            return
        request = chat_pb2.PublishRequest(
            room=room, text=text, client_message_id=client_message_id or str(uuid.uuid4())
        )
        deadline_s = asyncio.get_running_loop().time() + PATIENCE_S
        self._count += 1
        self._idle.clear()
        self._waiting.append(_Pending(request, answer, deadline_s))
        self._filled.set()

    async def publish(self, room: str, text: str, client_message_id: str) -> Fields:
        """Send a text and return the node's answer.

        Raises:
            NodeError: Refused, or too much is under way.
        """
        if not self.has_room():
            refusal = Refusal(
                "RESOURCE_EXHAUSTED", "TOO_MANY_CALLS", "too much under way", retry_after_ms=100
            )
            raise NodeError(refusal)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.submit(room, text, client_message_id, lambda outcome: _resolve(future, outcome))
        outcome = await future
        if isinstance(outcome, Refusal):
            raise NodeError(outcome)
        return outcome

    def note_node_life(self, life: str) -> None:
        """Learn which process the node is: its id and start time."""
        self._node_life = life

    async def run(self) -> None:
        """Keep a stream open while the node is there, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._sweep())
            while True:
                await self._link.wait_ready()
                self._take_back_sent()
                try:
                    await self._converse()
                except NodeError as error:
                    refusal = error.refusal
                    log.warning("publish stream broke", code=refusal.code, reason=refusal.reason)
                    self._refuse_at_fault(refusal)
                await asyncio.sleep(0.1)

    async def drain(self, timeout_s: float) -> None:
        """Wait until all is answered, at most ``timeout_s``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), timeout_s)

    async def _converse(self) -> None:
        """Send and receive on one stream until it ends."""
        call = self._link.stub.PublishStream(metadata=self._link.metadata())
        writer = asyncio.create_task(self._write(call))
        try:
            async for response in call:
                self._link.heard()
                for result in response.results:
                    self._settle_next(result)
        except grpc.aio.AioRpcError as error:
            raise NodeError(refusal_from_rpc_error(error)) from None
        finally:
            writer.cancel()
            call.cancel()
            await asyncio.wait({writer})

    async def _write(self, call: grpc.aio.StreamStreamCall) -> None:  # type: ignore[type-arg]
        try:
            while True:
                await self._filled.wait()
                batch = self._next_batch()
                if batch:
                    publishes = [pending.request for pending in batch]
                    await call.write(chat_pb2.PublishStreamRequest(publishes=publishes))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            # The stream is over; its reader learns why.
            return

    def _next_batch(self) -> list[_Pending]:
        batch: list[_Pending] = []
        size_bytes = 0
        while self._waiting and len(batch) < MAX_BATCH and size_bytes < MAX_BATCH_BYTES:
            pending = self._waiting.popleft()
            if pending.is_answered:
                continue
            size_bytes += pending.request.ByteSize() + PUBLISH_OVERHEAD_BYTES
            pending.node_life = self._node_life
            batch.append(pending)
        if not self._waiting:
            self._filled.clear()
        self._sent.extend(batch)
        return batch

    def _settle_next(self, result: chat_pb2.PublishResult) -> None:
        if not self._sent:
            log.error("node answered a publish that was not sent")
            return
        pending = self._sent.popleft()
        if result.WhichOneof("outcome") == "published":
            self._settle(pending, fields_from_published(result.published))
        else:
            self._settle(pending, refusal_from_status(result.error))

    def _settle(self, pending: _Pending, outcome: Outcome) -> None:
        if not pending.settle(outcome):
            return
        self._count -= 1
        if not self._count:
            self._idle.set()
        while self._room_wanted and self.has_room():
            callback = next(iter(self._room_wanted))
            del self._room_wanted[callback]
            callback()

    def _take_back_sent(self) -> None:
        """Send again what has no answer, or refuse it where the node is another now."""
        kept = [*self._sent, *self._waiting]
        self._sent.clear()
        self._waiting.clear()
        for pending in kept:
            if pending.node_life in {"", self._node_life}:
                self._waiting.append(pending)
            else:
                self._settle(pending, OUTCOME_UNKNOWN)
        if self._waiting:
            self._filled.set()

    def _refuse_at_fault(self, refusal: Refusal) -> None:
        """Refuse what was sent where the node refused the stream itself.

        Sending the same again would only be refused the same way.
        """
        if refusal.code == "UNAVAILABLE":
            return
        while self._sent:
            self._settle(self._sent.popleft(), refusal)

    async def _sweep(self) -> None:
        """Tell senders whose patience is over."""
        while True:
            await asyncio.sleep(SWEEP_S)
            now_s = asyncio.get_running_loop().time()
            for queue, outcome in ((self._sent, OUTCOME_UNKNOWN), (self._waiting, NODE_AWAY)):
                for pending in list(queue):
                    if pending.deadline_s > now_s:
                        break
                    self._settle(pending, outcome)


def _resolve(future: asyncio.Future[Outcome], outcome: Outcome) -> None:
    if not future.done():
        future.set_result(outcome)
