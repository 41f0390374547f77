"""The store as synchronisation sees it: each room's items, and their signed bytes.

Given to ``p2pd.sync`` by ``p2pd.node``. Asked in worker threads; told in the
trio thread of every message that comes or goes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import groupby

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
from p2pd.sync.reconciliation import ItemSet
from p2pd.sync.removed_items import RemovedItems, WithRemoved


class RoomItems:
    """The items of every room, indexed when they are first asked for.

    Among them are some that retention removed; see ``removed_items``.

    Args:
        clock_ns: The node's clock, by which messages were stamped when they came.
    """

    def __init__(self, store: MessageStore, clock_ns: Callable[[], int]) -> None:
        self._store = store
        self._clock_ns = clock_ns
        self._indexes: dict[RoomName, ItemIndex] = {}
        self._displaced: dict[RoomName, DisplacedItems] = {}
        self._removed: dict[RoomName, RemovedItems] = {}
        self._unwanted: dict[RoomName, RemovedItems] = {}

    def item_set(self, room: RoomName) -> ItemSet:
        """Return the room's items."""
        index = self._indexes.get(room)
        if index is None:
            index = ItemIndex(partial(self._read, room), _Sums(self._store, room))
            index = self._indexes.setdefault(room, index)
        items: ItemSet = index
        for removed in (self._removed.get(room), self._unwanted.get(room)):
            items = items if removed is None else WithRemoved(items, removed)
        return items

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
        removed = self._removed.get(message.room)
        is_among_displaced = is_displaced(message.seqno, message.receive_time_ns)
        if removed is not None or is_among_displaced:
            item = Item(message.seqno, item_digest(bytes.fromhex(message.message_id)))
            if removed is not None:
                removed.discard(item)
            if is_among_displaced:
                self.displaced_set(message.room).add(item)

    def refused(self, message: Message) -> None:
        """Handle that a validator refused a message: it is not to be fetched again."""
        removed = Dropped(message.seqno, message.receive_time_ns, message.message_id)
        self._remember_removed(message.room, removed)

    def refuse_unwanted(self, message: Message) -> None:
        """Handle a message that nobody here wants now: it is not fetched until that ends."""
        item = Item(message.seqno, item_digest(bytes.fromhex(message.message_id)))
        if is_displaced(message.seqno, message.receive_time_ns):
            self.displaced_set(message.room).remove(item)
        else:
            self._unwanted.setdefault(message.room, RemovedItems()).add(item)

    def forget_unwanted(self) -> None:
        """Let messages be fetched that somebody wants again."""
        self._unwanted.clear()

    def _remember_removed(self, room: RoomName, one: Dropped) -> None:
        """Keep an item among the others, so that nobody gives the message again."""
        item = Item(one.seqno, item_digest(bytes.fromhex(one.message_id)))
        if is_displaced(one.seqno, one.receive_time_ns):
            self.displaced_set(room).remove(item)
            return
        self._removed.setdefault(room, RemovedItems()).add(item)

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
            self._remember_removed(room, one)
        self.touch(room, one.seqno)

    def forget(self) -> None:
        """Read everything anew: the store has been replaced."""
        self._indexes.clear()
        self._displaced.clear()

    def forget_room(self, room: RoomName) -> None:
        """Drop what is in memory of a room that was left."""
        for table in (self._indexes, self._displaced, self._removed, self._unwanted):
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
        for one in self._kept(room, first, last):
            yield Item(one.seqno, item_digest(bytes.fromhex(one.message_id)))

    def _kept(self, room: RoomName, first: int, last: int | None) -> Iterator[kept.OrderKey]:
        upper = None if last is None or last == MAX_SEQNO else kept.OrderKey(last + 1, NO_MESSAGE)
        return self._store.items(room, kept.OrderKey(first, NO_MESSAGE), upper)


class _Sums:
    """The sums over one room's items."""

    def __init__(self, store: MessageStore, room: RoomName) -> None:
        self.sealed = partial(store.sealed_ranges, room)
        self.next = partial(store.sum_range, room)
        self.verify = partial(store.verify_ranges, room)
