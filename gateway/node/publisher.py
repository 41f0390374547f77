"""All publishes over one stream to the node, answered in the order sent.

Run by ``gateway.app``; used by ``gateway.delivery.session`` and ``gateway.http.rest``.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Callable, Hashable

import grpc.aio
import structlog
from wsp.chat.v1 import chat_pb2

from gateway.channel.events import Fields
from gateway.errors import NODE_AWAY, NodeError, Refusal
from gateway.node.link import Link
from gateway.node.queue import Answer, Outcome, Pending, PublishQueue
from gateway.node.refusals import NODE_STOPPING, refusal_from_rpc_error, refusal_from_status
from gateway.node.translation import fields_from_published

log = structlog.get_logger(__name__)

PATIENCE_S = 10.0
"""How long a publish may wait for its answer before its sender is told so."""
SWEEP_S = 0.5
PAUSE_S = 0.1
"""Between two streams."""
GATHER_S = 0.004
"""How long a publish may wait for others while one before it has no answer yet. Where
messages come faster than answers they go through every hop several at a time, which costs
both nodes less; where they come slower none waits."""

TOO_MUCH = Refusal(
    "RESOURCE_EXHAUSTED", "TOO_MANY_CALLS", "too much is under way", retry_after_ms=100
)


class Publisher:
    """Send publishes and hand each its answer.

    What was sent but not answered when the stream breaks is sent again under the
    same ``client_message_id`` where the node is still the same process.

    Args:
        gather_s: See ``GATHER_S``.
    """

    def __init__(self, link: Link, max_in_flight: int, gather_s: float = GATHER_S) -> None:
        self._link = link
        self._gather_s = gather_s
        self._queue = PublishQueue(max_in_flight)
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._gathering: asyncio.TimerHandle | None = None
        self._node_life = ""

    @property
    def in_flight(self) -> int:
        """Publishes not answered yet."""
        return len(self._queue)

    def has_room(self, sender: Hashable = None) -> bool:
        """Whether one more may be submitted; see ``PublishQueue.has_room``."""
        return self._queue.has_room(sender)

    def wait_for_room(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once when there is room again; callers take turns."""
        self._queue.wait_for_room(callback)

    def forget(self, callback: Callable[[], None]) -> None:
        """Undo ``wait_for_room``."""
        self._queue.forget(callback)

    def submit(
        self,
        room: str,
        text: str,
        client_message_id: str,
        answer: Answer,
        *,
        peer_id: str = "",
        sender: Hashable = None,
    ) -> None:
        """Send a text; ``answer`` is called once, after this has returned.

        Args:
            peer_id: Whom to send it to, and nobody else, where there is no room.
            sender: Whose text it is; senders take turns.
        """
        loop = asyncio.get_running_loop()
        if not self._link.is_following:
            loop.call_soon(answer, NODE_AWAY)
            return
        request = chat_pb2.PublishRequest(
            room=room,
            peer_id=peer_id,
            text=text,
            client_message_id=client_message_id or str(uuid.uuid4()),
        )
        self._queue.add(Pending(request, answer, loop.time() + PATIENCE_S, sender))
        self._idle.clear()
        if not self._queue.is_unanswered:
            self._filled.set()
        elif self._gathering is None:
            self._gathering = loop.call_later(self._gather_s, self._end_gathering)

    async def publish(
        self, room: str, text: str, client_message_id: str, *, peer_id: str = ""
    ) -> Fields:
        """Send a text and return the node's answer; see ``submit``.

        Raises:
            NodeError: Refused, or too much is under way.
        """
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        if not self.has_room(future):
            raise NodeError(TOO_MUCH)

        def answer(outcome: Outcome) -> None:
            if not future.done():
                future.set_result(outcome)

        self.submit(room, text, client_message_id, answer, peer_id=peer_id, sender=future)
        outcome = await future
        if isinstance(outcome, Refusal):
            raise NodeError(outcome)
        return outcome

    def set_node_life(self, life: str) -> None:
        """Learn which process the node is: its id and start time."""
        self._node_life = life

    async def run(self) -> None:
        """Keep a stream open while the node is there, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._expire())
            while True:
                await self._link.wait_ready()
                self._queue.requeue_sent(self._node_life)
                self._update_flags()
                try:
                    await self._converse()
                except NodeError as failure:
                    self._report_failure(failure.refusal)
                except Exception:
                    # The boundary of the stream: what was sent is sent again over the next.
                    log.exception("publish stream failed")
                await asyncio.sleep(PAUSE_S)

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
                self._link.mark_alive()
                for result in response.results:
                    self._resolve(result)
                self._update_flags()
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
                batch = self._queue.next_batch(self._node_life)
                self._update_flags()
                if batch:
                    await call.write(chat_pb2.PublishStreamRequest(publishes=batch))
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            # The stream is over; its reader learns why.
            return

    def _resolve(self, result: chat_pb2.PublishResult) -> None:
        if result.WhichOneof("outcome") == "published":
            known = self._queue.resolve_next(fields_from_published(result.published))
        else:
            known = self._queue.resolve_next(refusal_from_status(result.error))
        if not known:
            log.error("node answered a publish that was not sent")

    def _report_failure(self, refusal: Refusal) -> None:
        """Log why the stream broke; what the node itself refused is refused at once.

        Sending the same again would only be refused the same way.
        """
        is_stop = self._link.is_stopping or refusal.reason == NODE_STOPPING
        report = log.info if is_stop else log.warning
        report("publish stream broke", code=refusal.code, reason=refusal.reason)
        if refusal.code != "UNAVAILABLE":
            self._queue.resolve_sent(refusal)
            self._update_flags()

    def _update_flags(self) -> None:
        """Bring the two flags in line with the queue."""
        (self._filled.set if self._queue.is_waiting else self._filled.clear)()
        if not self._queue:
            self._idle.set()

    def _end_gathering(self) -> None:
        self._gathering = None
        self._update_flags()

    async def _expire(self) -> None:
        """Tell senders whose patience is over."""
        while True:
            await asyncio.sleep(SWEEP_S)
            self._queue.expire(asyncio.get_running_loop().time())
            self._update_flags()
