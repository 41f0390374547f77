"""The publishes on their way to the node: which wait, which were sent, who is answered.

Without I/O; ``gateway.node.publisher`` moves them over its stream. Answers come
in the order sent, so a result belongs to the oldest that was sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from wsp.chat.v1 import chat_pb2

from gateway.channel.events import Fields
from gateway.errors import NODE_AWAY, OUTCOME_UNKNOWN, Refusal

MAX_BATCH = 500
MAX_BATCH_BYTES = 128 * 1024
"""One publish is at most a frame, so a batch stays below the node's 256 KiB."""
OVERHEAD_BYTES = 64
MAX_QUEUE_BYTES = 16 * 1024 * 1024
"""Of all publishes without an answer."""

Outcome: TypeAlias = Fields | Refusal
Answer: TypeAlias = Callable[[Outcome], None]


@dataclass(slots=True)
class Pending:
    """A publish on its way.

    Attributes:
        node_life: The process it was sent to first; empty before.
    """

    request: chat_pb2.PublishRequest
    answer: Answer
    deadline_s: float
    node_life: str = ""
    is_answered: bool = False
    size_bytes: int = 0

    def __post_init__(self) -> None:
        self.size_bytes = self.request.ByteSize() + OVERHEAD_BYTES


class PublishQueue:
    """Publishes that have no answer yet, at most ``max_in_flight`` and ``max_bytes``.

    Both bounds are kept by the callers, who ask ``has_room`` first and are called
    by turns when there is room again.
    """

    def __init__(self, max_in_flight: int, max_bytes: int = MAX_QUEUE_BYTES) -> None:
        self._max_in_flight = max_in_flight
        self._max_bytes = max_bytes
        self._bytes = 0
        self._waiting: deque[Pending] = deque()
        self._sent: deque[Pending] = deque()
        self._count = 0
        self._room_wanted: dict[Callable[[], None], None] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def is_waiting(self) -> bool:
        """Whether something is to be sent."""
        return bool(self._waiting)

    @property
    def is_unanswered(self) -> bool:
        """Whether something that was sent has no answer yet."""
        return bool(self._sent)

    def has_room(self) -> bool:
        """Whether one more may be added."""
        return self._count < self._max_in_flight and self._bytes < self._max_bytes

    def wait_for_room(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once when there is room again."""
        self._room_wanted[callback] = None

    def forget(self, callback: Callable[[], None]) -> None:
        """Undo ``wait_for_room``."""
        self._room_wanted.pop(callback, None)

    def add(self, pending: Pending) -> None:
        """Take in a publish."""
        self._count += 1
        self._bytes += pending.size_bytes
        self._waiting.append(pending)

    def next_batch(self, node_life: str) -> list[chat_pb2.PublishRequest]:
        """Return what to send next, and count it as sent to this process."""
        batch: list[chat_pb2.PublishRequest] = []
        size_bytes = 0
        while self._waiting and len(batch) < MAX_BATCH and size_bytes < MAX_BATCH_BYTES:
            pending = self._waiting.popleft()
            if pending.is_answered:
                continue
            pending.node_life = node_life
            size_bytes += pending.size_bytes
            self._sent.append(pending)
            batch.append(pending.request)
        return batch

    def resolve_next(self, outcome: Outcome) -> bool:
        """Answer the oldest that was sent; return whether there was one."""
        if not self._sent:
            return False
        self._resolve(self._sent.popleft(), outcome)
        return True

    def resolve_sent(self, outcome: Outcome) -> None:
        """Answer all that was sent."""
        while self.resolve_next(outcome):
            pass

    def requeue_sent(self, node_life: str) -> None:
        """Have everything sent again that has no answer, as far as that is safe.

        What another process was sent is refused as unknown: a node that forgot
        what it accepted would send it twice.
        """
        kept = [*self._sent, *self._waiting]
        doubtful = [one for one in kept if one.node_life not in {"", node_life}]
        self._sent.clear()
        self._waiting = deque(one for one in kept if one.node_life in {"", node_life})
        for pending in doubtful:
            self._resolve(pending, OUTCOME_UNKNOWN)

    def expire(self, now_s: float) -> None:
        """Answer those whose deadline has passed."""
        for queue, outcome in ((self._sent, OUTCOME_UNKNOWN), (self._waiting, NODE_AWAY)):
            for pending in list(queue):
                if pending.deadline_s > now_s:
                    break
                self._resolve(pending, OUTCOME_UNKNOWN if pending.node_life else outcome)

    def _resolve(self, pending: Pending, outcome: Outcome) -> None:
        if pending.is_answered:
            return
        pending.is_answered = True
        self._count -= 1
        self._bytes -= pending.size_bytes
        pending.answer(outcome)
        while self._room_wanted and self.has_room():
            callback = next(iter(self._room_wanted))
            del self._room_wanted[callback]
            callback()
