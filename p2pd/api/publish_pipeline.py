"""The publishes of one stream on their way through trio, batch behind batch.

A batch begins once the one before it is signed, committed and handed over; only
answers wait for the disk, and they go back in order. ``PublishStream`` owns one
and hands over whatever a read brought; what gathers meanwhile goes as one batch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
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

    Bounded by what its owner has in hand.

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

    # In the gRPC thread.

    def submit(self, asked: Iterable[Asked]) -> None:
        """Publish soon.

        Raises:
            NodeStoppingError: Trio has ended.
        """
        self._waiting.extend(asked)
        if not self._is_on_its_way:
            self._is_on_its_way = True
            self._bridge.post(self._look)

    # In trio.

    def _look(self) -> None:
        self._is_on_its_way = False
        self._begin_next()

    def _begin_next(self) -> None:
        if self._accepting is not None or not self._waiting:
            return
        if len(self._unanswered) >= MAX_UNANSWERED:
            return
        batch = _Batch(self._next_batch())
        self._accepting = batch
        self._unanswered.append(batch)
        if not self._bridge.start(partial(self._publish, batch)):
            self._end(batch, Answered(batch.asked, (), NodeStoppingError()))

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
            publishes = [asked for _, asked in batch.asked if isinstance(asked, Publish)]
            accepted = partial(self._accepted, batch)
            outcomes = await self._publishing.publish(publishes, accepted)
            answered = Answered(batch.asked, outcomes)
        # Boundary: a batch fails as one, and its stream ends with the reason.
        except Exception as error:
            answered = Answered(batch.asked, (), error)
        finally:
            self._end(batch, answered)

    def _accepted(self, batch: _Batch) -> None:
        """Begin the next batch: this one has its place in the log."""
        if self._accepting is batch:
            self._accepting = None
        self._begin_next()

    def _end(self, batch: _Batch, answered: Answered) -> None:
        batch.answered = answered
        ready: list[Answered] = []
        while self._unanswered and (first := self._unanswered[0].answered) is not None:
            self._unanswered.popleft()
            ready.append(first)
        if ready:
            self._bridge.signal(partial(self._answer, ready))
        self._accepted(batch)
