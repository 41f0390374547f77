"""What every message store offers to the log, wherever it keeps the messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, RoomName
from p2pd.domain.records import Conversation
from p2pd.domain.sizes import MAX_ITEMS_BYTES
from p2pd.domain.storage import Storage
from p2pd.errors import StorageFailedError
from p2pd.store.read_state_store import ReadStateStore
from p2pd.store.reads import Reads

IsMention = Callable[[Message], bool]
"""Whether a message mentions this node; asked of each when it is stored."""
WhenDurable = Callable[[StorageFailedError | None], None]
"""Called with None once something survives a power cut, or with why it may not."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A message at its offset: 1 for the first of the log, without holes."""

    offset: int
    message: Message


@dataclass(frozen=True, slots=True)
class StoredPage:
    """Messages of one room in log order, and whether more lie in the direction asked."""

    messages: tuple[Stored, ...]
    more: bool


@dataclass(frozen=True, slots=True)
class StoredAnswer:
    """What a publish with a ``client_message_id`` was answered, and what it published.

    A call with the same caller and id repeats it only where conversation and data are the same.
    """

    message_id: MessageId
    offset: int
    conversation: Conversation
    data: bytes


class OrderKey(NamedTuple):
    """A message in a room's send order: by sequence number, then by id.

    The order is the same at every node; a reconciliation walks it.
    """

    seqno: int
    message_id: MessageId


class RangeSum(NamedTuple):
    """The items of a room with ``lower <= seqno < upper``: how many, and the sum of their hashes.

    No upper bound where they are the last ones.
    """

    lower: int
    upper: int | None
    items: int
    total: int


END_OF_TIME_NS = (1 << 63) - 1

NO_MESSAGE = MessageId("")
"""Sorts before every message id."""


def mentions_nobody(_message: Message) -> bool:
    """Return that a message mentions nobody, where nobody is to be mentioned."""
    return False


class Dropped(NamedTuple):
    """A message that retention let go."""

    seqno: int
    receive_time_ns: int
    message_id: MessageId


class MessageStore(Protocol):
    """Messages in order of arrival, the oldest of each conversation dropped by retention.

    ``append`` and ``drop_oldest`` are called by one thread, the trio thread;
    everything else by any.
    """

    @property
    def reads(self) -> Reads:
        """Where queries are run, so that no event loop waits for them."""

    @property
    def read_state(self) -> ReadStateStore:
        """Who read how far."""

    @property
    def epoch(self) -> str:
        """Name of this log; a new one after a loss."""

    @property
    def first_offset(self) -> int:
        """Offset of the oldest message kept; ``last_offset + 1`` when empty."""

    @property
    def last_offset(self) -> int:
        """Offset of the newest message ever appended; 0 when there was none."""

    @property
    def storage(self) -> Storage:
        """Whether messages can be kept, and what was found damaged."""

    def dropped_until(self, rooms: frozenset[Conversation]) -> int:
        """Return the highest offset that messages of these rooms were dropped at.

        No rooms means all; 0 where nothing was dropped. A hole in what is read
        that begins at or above it holds nothing of these rooms.
        """

    def append(self, messages: Sequence[Message]) -> tuple[Stored, ...]:
        """Keep those messages that are not in the log yet, at the next offsets.

        Returns:
            The ones kept, in order.

        Raises:
            StorageFullError: No room; none of them was kept.
            StorageFailedError: They cannot be written; none of them was kept.
        """

    async def wait_durable(self, offset: int) -> None:
        """Wait until everything up to an offset survives a power cut, as far as it ever will.

        Raises:
            StorageFailedError: It may not survive.
        """

    def call_when_durable(self, offset: int, callback: WhenDurable) -> None:
        """Call back once everything up to an offset survives a power cut, or may not.

        Args:
            callback: Called once, in any thread, perhaps at once. It must not raise.
        """

    def offset_of(self, message_id: MessageId) -> int | None:
        """Return where a kept message is, or None."""

    def answer_of(self, client_message_id: str, caller: str = "") -> StoredAnswer | None:
        """Return the answer to the first stored publish of a caller with this id, or None."""

    def max_seqno(self, author_bytes: bytes) -> int:
        """Return the highest sequence number kept of an author; 0 where there is none.

        Args:
            author_bytes: What the author's message ids begin with.
        """

    def read(self, after: int, until: int, max_bytes: int) -> tuple[Stored, ...]:
        """Return messages with ``after < offset <= until``, at least one if there is one."""

    def count_others(self, after: int, until: int) -> int:
        """Count the records with ``after < offset <= until`` of kinds unknown to this release.

        ``read`` passes over them; they are no hole.
        """

    def page_before(
        self, conversation: Conversation, before: int, limit: int, max_bytes: int = MAX_ITEMS_BYTES
    ) -> StoredPage:
        """Return the newest messages of a conversation below an offset.

        At most ``limit``, and ``max_bytes`` as the API counts them, but one at least.
        """

    def page_after(
        self, conversation: Conversation, after: int, limit: int, max_bytes: int = MAX_ITEMS_BYTES
    ) -> StoredPage:
        """Return the oldest messages of a conversation above an offset, bounded likewise."""

    def count(self, conversation: Conversation) -> int:
        """Return how many messages of a conversation are kept."""

    def conversations(self) -> tuple[Conversation, ...]:
        """Return the conversations that have messages."""

    def items(
        self,
        conversation: Conversation,
        lower: OrderKey | None = None,
        upper: OrderKey | None = None,
    ) -> Iterator[OrderKey]:
        """Yield a conversation's items in send order, ``lower <= item < upper``; None is no bound.

        What is appended or dropped meanwhile may or may not be among them.
        """

    def sealed_ranges(self, room: RoomName) -> Sequence[RangeSum]:
        """Return the sums that are stored over ranges of a room's items, in order.

        They do not overlap, and need not cover everything.
        """

    def sum_range(self, room: RoomName, lower: int, upper: int | None) -> RangeSum:
        """Sum up some hundred items of a room, the next from a sequence number on.

        Args:
            upper: Items from here on are not meant; None is no bound.

        Returns:
            A range from ``lower`` on; it ends at ``upper`` or before.
        """

    def verify_ranges(self, room: RoomName, lower: int, upper: int) -> bool:
        """Compare the stored sums that cover a part of a range with what is stored.

        Returns:
            Whether all were right; a wrong one is removed.
        """

    def signed_bytes(
        self, conversation: Conversation, message_ids: Sequence[MessageId]
    ) -> dict[MessageId, bytes]:
        """Return the original bytes of those messages that are kept in the conversation."""

    def forget(self, conversation: Conversation, at_most: int) -> int:
        """Remove the oldest messages of a conversation; return how many, 0 at the end."""

    def erase(self) -> None:
        """Have nothing on the disk that was removed; others wait while it is written anew.

        Raises:
            StorageFullError: There is no room for a copy.
            StorageFailedError: The disk refuses.
        """

    def drop_oldest(
        self,
        conversation: Conversation,
        *,
        keep: int,
        received_before_ns: int,
        at_most: int,
        now_ns: int = END_OF_TIME_NS,
    ) -> Sequence[Dropped]:
        """Drop a conversation's oldest messages: beyond ``keep`` of them, or received too early.

        Args:
            now_ns: A message that was received later than now, by a clock that was
                ahead, is as old as the one that followed it.
            at_most: Dropped in this call, so that the caller's thread goes on soon.

        Returns:
            What was dropped.
        """
