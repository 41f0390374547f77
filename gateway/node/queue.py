"""The publishes on their way to the node: which wait, which were sent, who is answered.

Without I/O; ``gateway.node.publisher`` moves them over its stream. Answers come
in the order sent, so a result belongs to the oldest that was sent.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Hashable, Iterator
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
MAX_SENT_OF_ONE = 128
"""Publishes of one sender that the node has in hand: those of others come right behind."""

Outcome: TypeAlias = Fields | Refusal
Answer: TypeAlias = Callable[[Outcome], None]


@dataclass(slots=True)
class Pending:
    """A publish on its way.

    Attributes:
        sender: Whose it is; senders take turns.
        node_life: The process it was sent to first; empty before.
    """

    request: chat_pb2.PublishRequest
    answer: Answer
    deadline_s: float
    sender: Hashable = None
    node_life: str = ""
    is_answered: bool = False
    size_bytes: int = 0

    def __post_init__(self) -> None:
        self.size_bytes = self.request.ByteSize() + OVERHEAD_BYTES


class PublishQueue:
    """Publishes that have no answer yet, at most ``max_in_flight`` and ``max_bytes``.

    Both bounds are kept by the callers, who ask ``has_room`` first and are called
    by turns when there is room again. Senders take turns too, one publish each, and
    none has more than ``max_sent_of_one`` at the node. So a sender that sends without
    bound waits for itself.
    """

    def __init__(
        self,
        max_in_flight: int,
        max_bytes: int = MAX_QUEUE_BYTES,
        max_sent_of_one: int = MAX_SENT_OF_ONE,
    ) -> None:
        self._max_in_flight = max_in_flight
        self._max_bytes = max_bytes
        self._max_sent_of_one = max_sent_of_one
        self._bytes = 0
        self._turns: OrderedDict[Hashable, deque[Pending]] = OrderedDict()
        """What waits of the senders that may send, whose turn is next first."""
        self._held: dict[Hashable, deque[Pending]] = {}
        """What waits of the senders that have as much at the node as they may."""
        self._sent_counts: Counter[Hashable] = Counter()
        self._counts: Counter[Hashable] = Counter()
        self._sent: deque[Pending] = deque()
        self._count = 0
        self._room_wanted: dict[Callable[[], None], None] = {}

    def __len__(self) -> int:
        return self._count

    @property
    def is_waiting(self) -> bool:
        """Whether something is to be sent now."""
        return bool(self._turns)

    @property
    def is_unanswered(self) -> bool:
        """Whether something that was sent has no answer yet."""
        return bool(self._sent)

    def has_room(self, sender: Hashable = None) -> bool:
        """Whether one more may be added; one of a sender that has none always fits.

        Only where those take as many bytes again, it does not.
        """
        if self._count < self._max_in_flight and self._bytes < self._max_bytes:
            return True
        is_first = sender is not None and not self._counts[sender]
        return is_first and self._bytes < 2 * self._max_bytes

    def wait_for_room(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once when there is room again."""
        self._room_wanted[callback] = None

    def forget(self, callback: Callable[[], None]) -> None:
        """Undo ``wait_for_room``."""
        self._room_wanted.pop(callback, None)

    def add(self, pending: Pending) -> None:
        """Take in a publish."""
        self._count += 1
        self._counts[pending.sender] += 1
        self._bytes += pending.size_bytes
        self._queue(pending)

    def next_batch(self, node_life: str) -> list[chat_pb2.PublishRequest]:
        """Return what to send next, and count it as sent to this process."""
        batch: list[chat_pb2.PublishRequest] = []
        size_bytes = 0
        while self._turns and len(batch) < MAX_BATCH and size_bytes < MAX_BATCH_BYTES:
            pending = self._next()
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
        pending = self._sent.popleft()
        self._count_off_sent(pending.sender)
        self._resolve(pending, outcome)
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
        kept = [*self._sent, *(one for queue in self._waiting() for one in queue)]
        doubtful = [one for one in kept if one.node_life not in {"", node_life}]
        self._sent.clear()
        self._sent_counts.clear()
        self._turns.clear()
        self._held.clear()
        for pending in kept:
            if pending.node_life in {"", node_life}:
                self._queue(pending)
        for pending in doubtful:
            self._resolve(pending, OUTCOME_UNKNOWN)

    def expire(self, now_s: float) -> None:
        """Answer those whose deadline has passed."""
        for queue in (self._sent, *self._waiting()):
            for pending in list(queue):
                if pending.deadline_s > now_s:
                    break
                self._resolve(pending, OUTCOME_UNKNOWN if pending.node_life else NODE_AWAY)

    def _next(self) -> Pending:
        """Return the next publish, and have its sender's next turn come after all others'."""
        sender, queue = self._turns.popitem(last=False)
        pending = queue.popleft()
        if not pending.is_answered:
            self._sent_counts[sender] += 1
        if queue:
            self._queued_of(sender)[sender] = queue
        return pending

    def _queue(self, pending: Pending) -> None:
        """Have a publish sent behind those of its sender."""
        queued = self._queued_of(pending.sender)
        queued.setdefault(pending.sender, deque()).append(pending)

    def _queued_of(self, sender: Hashable) -> dict[Hashable, deque[Pending]]:
        """Return where the publishes of a sender wait, by how many the node has in hand."""
        may_send = self._sent_counts[sender] < self._max_sent_of_one
        return self._turns if may_send else self._held

    def _count_off_sent(self, sender: Hashable) -> None:
        self._sent_counts[sender] -= 1
        if sender in self._held:
            self._turns[sender] = self._held.pop(sender)
        if not self._sent_counts[sender]:
            del self._sent_counts[sender]

    def _waiting(self) -> Iterator[deque[Pending]]:
        yield from [*self._turns.values(), *self._held.values()]

    def _resolve(self, pending: Pending, outcome: Outcome) -> None:
        if pending.is_answered:
            return
        pending.is_answered = True
        self._count -= 1
        self._counts[pending.sender] -= 1
        if not self._counts[pending.sender]:
            del self._counts[pending.sender]
        self._bytes -= pending.size_bytes
        pending.answer(outcome)
        while self._room_wanted and self.has_room():
            callback = next(iter(self._room_wanted))
            del self._room_wanted[callback]
            callback()
