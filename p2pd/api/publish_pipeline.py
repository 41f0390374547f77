"""The publishes of one stream on their way through trio, batch behind batch.

A batch begins once the one before it is signed, committed and handed over; only
answers wait for the disk, and they go back in order. ``PublishStream`` owns one
and hands over whatever a read brought; what gathers meanwhile goes as one batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from p2pd.api.bridge import Bridge
from p2pd.api.ports import Publishing
from p2pd.domain.publishes import Publish, Published
from p2pd.errors import ChatError, NodeStoppingError

MAX_BATCH = 256
MAX_BATCH_ID_BYTES = 256 * 1024
"""What the ``client_message_id``s of a batch occupy, which its response repeats; one
publish is always taken, and the errors of a batch add less than 512 KiB."""

MAX_UNANSWERED = 16
"""Batches under way, which share fsyncs; where the disk is slow the next one grows."""

Asked = tuple[str, Publish | ChatError]
"""A publish's ``client_message_id``, and the publish or why it is none."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A batch and what became of each of it, or why nothing is known of any."""

    batch: Sequence[Asked]
    outcomes: Sequence[Published | ChatError]
    failure: Exception | None = None


@dataclass(slots=True, eq=False)
class _Batch:
    asked: Sequence[Asked]
    answered: Answered | None = None


class PublishPipeline:
    """Carry publishes over and answers back, in order.

    Bounded by what its owner has in hand. A small batch is published by a call in trio
    and answered from the thread of the fsync; a task carries what has to wait.

    Args:
        answer: Called in the gRPC thread with the batches that are answered, in order.
    """

    def __init__(
        self,
        publishing: Publishing,
        bridge: Bridge,
        answer: Callable[[Sequence[Answered]], None],
    ) -> None:
        self._publishing = publishing
        self._bridge = bridge
        self._answer = answer
        self._waiting: deque[Asked] = deque()
        """Filled in the gRPC thread, emptied in trio."""
        self._is_on_its_way = False
        """Whether trio will look at what waits."""
        self._accepting: _Batch | None = None
        self._unanswered: deque[_Batch] = deque()
        """In the order of their answers; filled in trio, emptied in the gRPC thread."""

    # In the gRPC thread.

    def submit(self, asked: Iterable[Asked]) -> None:
        """Publish soon.

        Raises:
            NodeStoppingError: Trio has ended.
        """
        self._waiting.extend(asked)
        self._have_trio_look()

    def _have_trio_look(self) -> None:
        if not self._is_on_its_way:
            self._is_on_its_way = True
            self._bridge.post(self._look)

    def _deliver(self) -> None:
        """Answer the batches that have no unanswered one before them."""
        ready: list[Answered] = []
        while self._unanswered and (first := self._unanswered[0].answered) is not None:
            self._unanswered.popleft()
            ready.append(first)
        if not ready:
            return
        self._answer(ready)
        if self._waiting:
            # Trio has ended: whoever waits is cut off with the API.
            with suppress(NodeStoppingError):
                self._have_trio_look()

    # In trio.

    def _look(self) -> None:
        self._is_on_its_way = False
        self._begin_next()

    def _begin_next(self) -> None:
        while self._waiting and self._accepting is None:
            if len(self._unanswered) >= MAX_UNANSWERED:
                return
            batch = _Batch(self._next_batch())
            self._unanswered.append(batch)
            if self._bridge.is_closed:
                self._end(batch, Answered(batch.asked, (), NodeStoppingError()))
            elif not self._publish_now(batch):
                self._accepting = batch
                self._bridge.start(partial(self._publish, batch))

    def _publish_now(self, batch: _Batch) -> bool:
        def settled(outcomes: Sequence[Published | ChatError]) -> None:
            self._end(batch, Answered(batch.asked, outcomes))

        try:
            return self._publishing.publish_now(_publishes_of(batch), settled)
        # Boundary: a batch fails as one, and its stream ends with the reason.
        except Exception as error:
            self._end(batch, Answered(batch.asked, (), error))
            return True

    def _next_batch(self) -> list[Asked]:
        batch: list[Asked] = []
        id_bytes = 0
        while self._waiting and len(batch) < MAX_BATCH:
            id_bytes += len(self._waiting[0][0].encode())
            if batch and id_bytes > MAX_BATCH_ID_BYTES:
                break
            batch.append(self._waiting.popleft())
        return batch

    async def _publish(self, batch: _Batch) -> None:
        answered = Answered(batch.asked, (), NodeStoppingError())
        try:
            accepted = partial(self._accepted, batch)
            outcomes = await self._publishing.publish(_publishes_of(batch), accepted)
            answered = Answered(batch.asked, outcomes)
        # Boundary: a batch fails as one, and its stream ends with the reason.
        except Exception as error:
            answered = Answered(batch.asked, (), error)
        finally:
            self._end(batch, answered)
            self._accepted(batch)

    def _accepted(self, batch: _Batch) -> None:
        """Begin the next batch: this one has its place in the log."""
        if self._accepting is batch:
            self._accepting = None
        self._begin_next()

    # In any thread.

    def _end(self, batch: _Batch, answered: Answered) -> None:
        batch.answered = answered
        self._bridge.signal(self._deliver)


def _publishes_of(batch: _Batch) -> list[Publish]:
    return [asked for _, asked in batch.asked if isinstance(asked, Publish)]
