"""A message store in memory: bounded, and empty again after a restart."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

import trio

from p2pd.domain.cursors import new_epoch
from p2pd.domain.items import item_digest, summary_of
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, RoomName
from p2pd.domain.records import Conversation
from p2pd.domain.sizes import MAX_ITEMS_BYTES, size_of_message
from p2pd.domain.storage import Storage
from p2pd.domain.window import Window
from p2pd.store.memory_read_state import MemoryReadState
from p2pd.store.message_store import (
    END_OF_TIME_NS,
    NO_MESSAGE,
    Dropped,
    IsMention,
    OrderKey,
    RangeSum,
    Stored,
    StoredAnswer,
    StoredPage,
    WhenDurable,
    mentions_nobody,
)
from p2pd.store.reads import ReadsAtOnce

MESSAGE_OVERHEAD_BYTES = 600
"""What one message costs beside its content and its signed bytes, roughly."""

RANGE_ITEMS = 256
"""Items that are summed up together."""

MAX_DROPPED_UNTOLD = 65_536
"""Of a room; ``drop_oldest`` is called every second."""


class MemoryStore:
    """The newest messages of all rooms; the oldest go when a bound is reached.

    Args:
        max_messages: Messages kept at most, over all rooms.
        max_bytes: Memory they may take, roughly.
        is_mention: Whether a message mentions this node.
    """

    def __init__(
        self, max_messages: int, max_bytes: int, is_mention: IsMention = mentions_nobody
    ) -> None:
        self.epoch = new_epoch()
        self.reads = ReadsAtOnce()
        self._window: Window[Stored] = Window(max_messages, max_bytes, first=1)
        self._offsets: dict[MessageId, int] = {}
        self._rooms: dict[Conversation, list[int]] = {}
        self._answers: dict[tuple[str, str], StoredAnswer] = {}
        self._ordered: dict[Conversation, list[OrderKey]] = {}
        self._dropped: dict[Conversation, deque[Dropped]] = {}
        self.read_state = MemoryReadState(self._stored_of, is_mention)

    @property
    def first_offset(self) -> int:
        """Offset of the oldest message kept."""
        return self._window.start

    @property
    def last_offset(self) -> int:
        """Offset of the newest message."""
        return self._window.end - 1

    @property
    def storage(self) -> Storage:
        """Memory is well as long as the process lives."""
        return Storage()

    def dropped_until(self, rooms: frozenset[Conversation]) -> int:
        """Return the highest offset dropped, of whatever room."""
        return self.first_offset - 1

    def append(self, messages: Sequence[Message]) -> tuple[Stored, ...]:
        """Keep those messages that are not in the log yet, at the next offsets."""
        kept: list[Stored] = []
        for message in messages:
            if message.message_id in self._offsets:
                continue
            stored = Stored(self._window.end, message)
            kept.append(stored)
            self._offsets[message.message_id] = stored.offset
            self._rooms.setdefault(message.conversation, []).append(stored.offset)
            insort(self._ordered.setdefault(message.conversation, []), _item(message))
            if message.client_message_id:
                key = (message.caller, message.client_message_id)
                answer = StoredAnswer(
                    message.message_id, stored.offset, message.conversation, message.data
                )
                self._answers.setdefault(key, answer)
            self._forget(self._window.append(stored, _size_bytes(message)))
        return tuple(kept)

    async def wait_durable(self, offset: int) -> None:
        """Return at once: memory is as safe as it will be."""
        await trio.lowlevel.checkpoint()

    def call_when_durable(self, offset: int, callback: WhenDurable) -> None:
        """Call back at once."""
        callback(None)

    def offset_of(self, message_id: MessageId) -> int | None:
        """Return where a kept message is, or None."""
        return self._offsets.get(message_id)

    def answer_of(self, client_message_id: str, caller: str = "") -> StoredAnswer | None:
        """Return the answer to the first stored publish of a caller with this id, or None."""
        return self._answers.get((caller, client_message_id))

    def max_seqno(self, author_bytes: bytes) -> int:
        """Return the highest sequence number kept of an author; 0 where there is none."""
        author = author_bytes.hex()
        return max(
            (
                stored.message.seqno
                for _, stored in self._window.iterate(0)
                if stored.message.message_id.startswith(author)
            ),
            default=0,
        )

    def read(self, after: int, until: int, max_bytes: int) -> tuple[Stored, ...]:
        """Return messages with ``after < offset <= until``."""
        batch: list[Stored] = []
        size_bytes = 0
        for offset, stored in self._window.iterate(after + 1):
            size_bytes += len(stored.message.data)
            if offset > until or (batch and size_bytes > max_bytes):
                break
            if stored.message.message_id not in self._offsets:
                continue
            batch.append(stored)
        return tuple(batch)

    def count_others(self, after: int, until: int) -> int:
        """Return 0: memory holds what this release appended."""
        return 0

    def page_before(
        self, conversation: Conversation, before: int, limit: int, max_bytes: int = MAX_ITEMS_BYTES
    ) -> StoredPage:
        """Return the newest messages of a conversation below an offset, bounded."""
        offsets = self._rooms.get(conversation, [])
        end = bisect_left(offsets, before)
        start = max(0, end - limit)
        newest = _fitting(self._at(reversed(offsets[start:end])), max_bytes)
        return StoredPage(newest[::-1], end - len(newest) > 0)

    def page_after(
        self, conversation: Conversation, after: int, limit: int, max_bytes: int = MAX_ITEMS_BYTES
    ) -> StoredPage:
        """Return the oldest messages of a conversation above an offset, bounded."""
        offsets = self._rooms.get(conversation, [])
        start = bisect_right(offsets, after)
        oldest = _fitting(self._at(offsets[start : start + limit]), max_bytes)
        return StoredPage(oldest, start + len(oldest) < len(offsets))

    def count(self, conversation: Conversation) -> int:
        """Return how many messages of a conversation are kept."""
        return len(self._rooms.get(conversation, ()))

    def conversations(self) -> tuple[Conversation, ...]:
        """Return the conversations that have messages, or had some not reported as dropped."""
        return tuple({**self._rooms, **{room: () for room, gone in self._dropped.items() if gone}})

    def items(
        self,
        conversation: Conversation,
        lower: OrderKey | None = None,
        upper: OrderKey | None = None,
    ) -> Iterator[OrderKey]:
        """Yield a conversation's items in send order; None is no bound."""
        ordered = self._ordered.get(conversation, [])
        begin = 0 if lower is None else bisect_left(ordered, lower)
        end = len(ordered) if upper is None else bisect_left(ordered, upper)
        # In another thread the list may have moved since: each is looked at once more.
        for item in ordered[begin:end]:
            if (lower is None or lower <= item) and (upper is None or item < upper):
                yield item

    def sealed_ranges(self, room: RoomName) -> Sequence[RangeSum]:
        """Return nothing: memory holds few messages, which are summed up again."""
        return ()

    def sum_range(self, room: RoomName, lower: int, upper: int | None) -> RangeSum:
        """Sum up the next items of a room."""
        bounds = [
            OrderKey(lower, NO_MESSAGE),
            None if upper is None else OrderKey(upper, NO_MESSAGE),
        ]
        items = list(self.items(room, *bounds))
        for before, after in pairwise(range(RANGE_ITEMS, len(items) - RANGE_ITEMS)):
            if items[before].seqno != items[after].seqno:
                items, upper = items[:after], items[after].seqno
                break
        summary = summary_of(
            (one.seqno, item_digest(bytes.fromhex(one.message_id))) for one in items
        )
        return RangeSum(lower, upper, summary.count, summary.total)

    def verify_ranges(self, room: RoomName, lower: int, upper: int) -> bool:
        """Return that all is right: no sum is stored."""
        return True

    def signed_bytes(
        self, conversation: Conversation, message_ids: Sequence[MessageId]
    ) -> dict[MessageId, bytes]:
        """Return the original bytes of those messages that are kept in the conversation."""
        offsets = [offset for one in message_ids if (offset := self._offsets.get(one))]
        return {
            stored.message.message_id: stored.message.signed_bytes
            for stored in self._at(offsets)
            if stored.message.conversation == conversation
        }

    def drop_oldest(
        self,
        conversation: Conversation,
        *,
        keep: int,
        received_before_ns: int,
        at_most: int,
        now_ns: int = END_OF_TIME_NS,
    ) -> Sequence[Dropped]:
        """Drop nothing, but tell what has gone: memory has bounds of its own, over all rooms."""
        dropped = self._dropped.get(conversation, ())
        return [dropped.popleft() for _ in range(min(at_most, len(dropped)))] if dropped else []

    def forget(self, conversation: Conversation, at_most: int) -> int:
        """Remove all messages of a conversation; they leave memory when it is their turn."""
        offsets = self._rooms.pop(conversation, [])
        for stored in self._at(offsets):
            del self._offsets[stored.message.message_id]
            self._answers.pop((stored.message.caller, stored.message.client_message_id), None)
        self._ordered.pop(conversation, None)
        return len(offsets)

    def erase(self) -> None:
        """Do nothing: nothing is on the disk."""

    def _stored_of(self, conversation: Conversation) -> tuple[Stored, ...]:
        return self._at(list(self._rooms.get(conversation, ())))

    def _at(self, offsets: Iterable[int]) -> tuple[Stored, ...]:
        return tuple(
            stored for offset in offsets for stored in self._window.slice(offset, offset + 1)[1]
        )

    def _forget(self, dropped: Sequence[Stored]) -> None:
        if not dropped:
            return
        dropped = [one for one in dropped if one.message.message_id in self._offsets]
        for stored in dropped:
            message = stored.message
            gone = self._dropped.setdefault(message.conversation, deque(maxlen=MAX_DROPPED_UNTOLD))
            gone.append(Dropped(message.seqno, message.receive_time_ns, message.message_id))
            del self._offsets[message.message_id]
            ordered = self._ordered[message.conversation]
            del ordered[bisect_left(ordered, _item(message))]
            key = (message.caller, message.client_message_id)
            answer = self._answers.get(key)
            if answer is not None and answer.offset == stored.offset:
                del self._answers[key]
        for room in {stored.message.conversation for stored in dropped}:
            offsets = self._rooms[room]
            kept = offsets[bisect_left(offsets, self.first_offset) :]
            if kept:
                self._rooms[room] = kept
            else:
                del self._rooms[room]


def _fitting(messages: Sequence[Stored], max_bytes: int) -> tuple[Stored, ...]:
    """Return the first messages, as many as fit, but one at least if there is one."""
    sizes = accumulate(size_of_message(one.message) for one in messages)
    return tuple(messages[: max(1, sum(1 for size_bytes in sizes if size_bytes <= max_bytes))])


def _item(message: Message) -> OrderKey:
    return OrderKey(message.seqno, message.message_id)


def _size_bytes(message: Message) -> int:
    return len(message.data) + len(message.signed_bytes) + MESSAGE_OVERHEAD_BYTES
