"""The store as synchronisation sees it: each room's items, and their signed bytes.

Given to ``p2pd.sync`` by ``p2pd.node``. Asked in worker threads; told in the
trio thread of every message that comes or goes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from heapq import merge
from itertools import groupby
from operator import attrgetter

from p2pd.domain.items import MAX_SEQNO, Item, item_digest
from p2pd.domain.messages import (
    EARLIEST_SEND_TIME_NS,
    MAX_CLOCK_BEHIND_NS,
    Message,
    is_displaced,
)
from p2pd.domain.names import MessageId, RoomName
from p2pd.store import message_store as kept
from p2pd.store.message_store import NO_MESSAGE, Dropped, MessageStore
from p2pd.sync.displaced_items import DisplacedItems
from p2pd.sync.item_index import ItemIndex

_SEQNO = attrgetter("seqno")
MAX_GONE = 2_048
"""Of a room, the newest."""


class RoomItems:
    """The items of every room, indexed when they are first asked for.

    Among them are some that retention let go. Nothing older than what is kept is
    fetched, but a sequence number that is no clock of the past does not tell its
    age: such a message would come back from whoever keeps it still.

    Args:
        clock_ns: The node's clock, by which messages were stamped when they came.
    """

    def __init__(self, store: MessageStore, clock_ns: Callable[[], int]) -> None:
        self._store = store
        self._clock_ns = clock_ns
        self._indexes: dict[RoomName, ItemIndex] = {}
        self._displaced: dict[RoomName, DisplacedItems] = {}
        self._gone: dict[RoomName, deque[Item]] = {}

    def item_set(self, room: RoomName) -> ItemIndex:
        """Return the room's items."""
        index = self._indexes.get(room)
        if index is None:
            index = ItemIndex(lambda first, last: self._read(room, first, last))
            index = self._indexes.setdefault(room, index)
        return index

    def signed_bytes(self, room: RoomName, items: Sequence[Item]) -> list[bytes]:
        """Return the messages of these items that are kept, as their authors signed them.

        Args:
            items: With whole digests or as much of them, the same of each.
        """
        ids = [
            message_id
            for seqno, group in groupby(sorted(items), key=lambda item: item.seqno)
            for message_id in self._message_ids(room, seqno, {item.digest for item in group})
        ]
        found = self._store.signed_bytes(room, ids)
        return [found[message_id] for message_id in ids if message_id in found]

    def displaced_set(self, room: RoomName) -> DisplacedItems:
        """Return the items of the room's displaced messages."""
        displaced = self._displaced.get(room)
        if displaced is None:
            displaced = DisplacedItems(lambda: self._find_displaced(room))
            displaced = self._displaced.setdefault(room, displaced)
        return displaced

    def appended(self, message: Message) -> None:
        """Handle that a message was stored."""
        self.touch(message.room, message.seqno)
        if is_displaced(message.seqno, message.receive_time_ns):
            item = Item(message.seqno, item_digest(bytes.fromhex(message.message_id)))
            self.displaced_set(message.room).add(item)

    def refused(self, message: Message) -> None:
        """Handle that a validator refused a message: it is not to be fetched again."""
        gone = Dropped(message.seqno, message.receive_time_ns, message.message_id)
        self._remember_gone(message.room, gone)
        self.touch(message.room, message.seqno)

    def _remember_gone(self, room: RoomName, one: Dropped) -> None:
        """Keep an item among the others, so that nobody gives the message again."""
        item = Item(one.seqno, item_digest(bytes.fromhex(one.message_id)))
        if is_displaced(one.seqno, one.receive_time_ns):
            self.displaced_set(room).remove(item)
            return
        gone = self._gone.setdefault(room, deque())
        gone.append(item)
        if len(gone) > MAX_GONE:
            self.touch(room, gone.popleft().seqno)

    def touch(self, room: RoomName, seqno: int) -> None:
        """Handle that a message with this sequence number was stored or removed."""
        index = self._indexes.get(room)
        if index is not None:
            index.touch(seqno)

    def dropped(self, room: RoomName, one: Dropped) -> None:
        """Handle that retention removed a message."""
        if not EARLIEST_SEND_TIME_NS <= one.seqno <= one.receive_time_ns or is_displaced(
            one.seqno, one.receive_time_ns
        ):
            self._remember_gone(room, one)
        self.touch(room, one.seqno)

    def forget(self) -> None:
        """Read everything anew: the store has been replaced."""
        self._indexes.clear()
        self._displaced.clear()

    def forget_room(self, room: RoomName) -> None:
        """Drop what is in memory of a room that was left."""
        for table in (self._indexes, self._displaced, self._gone):
            table.pop(room, None)

    def _message_ids(self, room: RoomName, seqno: int, digests: set[bytes]) -> Iterator[MessageId]:
        """Find one message for each digest, or beginning of one."""
        size = len(next(iter(digests)))
        for one in self._kept(room, seqno, seqno):
            digest = item_digest(bytes.fromhex(one.message_id))[:size]
            if digest in digests:
                digests.discard(digest)
                yield one.message_id

    def _find_displaced(self, room: RoomName) -> Iterator[Item]:
        """Search the store: few messages have so low a number and are stored still."""
        upper = self._clock_ns() - MAX_CLOCK_BEHIND_NS
        for one in self._kept(room, EARLIEST_SEND_TIME_NS, upper):
            offset = self._store.offset_of(one.message_id)
            found = () if offset is None else self._store.read(offset - 1, offset, 1)
            for stored in found:
                if is_displaced(one.seqno, stored.message.receive_time_ns):
                    yield Item(one.seqno, item_digest(bytes.fromhex(one.message_id)))

    def _read(self, room: RoomName, first: int, last: int | None) -> Iterator[Item]:
        gone = sorted(
            item
            for item in tuple(self._gone.get(room, ()))
            if first <= item.seqno and (last is None or item.seqno <= last)
        )
        kept_items = (
            Item(one.seqno, item_digest(bytes.fromhex(one.message_id)))
            for one in self._kept(room, first, last)
        )
        in_order = merge(kept_items, gone, key=_SEQNO)
        for _, group in groupby(in_order, _SEQNO):
            yield from sorted(set(group))

    def _kept(self, room: RoomName, first: int, last: int | None) -> Iterator[kept.Item]:
        upper = None if last is None or last == MAX_SEQNO else kept.Item(last + 1, NO_MESSAGE)
        return self._store.items(room, kept.Item(first, NO_MESSAGE), upper)
