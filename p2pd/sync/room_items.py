"""The store as synchronisation sees it: each room's items, and their signed bytes.

Given to ``p2pd.sync`` by ``p2pd.node``. Asked in worker threads; told in the
trio thread of every message that comes or goes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby
from operator import attrgetter

from p2pd.domain.messages import EARLIEST_SEND_TIME_NS
from p2pd.domain.names import MessageId, RoomName
from p2pd.store import message_store as kept
from p2pd.store.message_store import NO_MESSAGE, Dropped, MessageStore
from p2pd.sync.item_index import ItemIndex
from p2pd.sync.reconciliation import MAX_SEQNO, Item, item_digest

_SEQNO = attrgetter("seqno")
MAX_GONE = 2_048
"""Of a room, the newest."""


class RoomItems:
    """The items of every room, indexed when they are first asked for.

    Among them are some that retention let go. Nothing older than what is kept is
    fetched, but a sequence number that is no clock of the past does not tell its
    age: such a message would come back from whoever keeps it still.
    """

    def __init__(self, store: MessageStore) -> None:
        self._store = store
        self._indexes: dict[RoomName, ItemIndex] = {}
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

    def touch(self, room: RoomName, seqno: int) -> None:
        """Note that a message with this sequence number came or went."""
        index = self._indexes.get(room)
        if index is not None:
            index.touch(seqno)

    def dropped(self, room: RoomName, one: Dropped) -> None:
        """Note that retention let a message go."""
        if not EARLIEST_SEND_TIME_NS <= one.seqno <= one.receive_time_ns:
            gone = self._gone.setdefault(room, deque())
            gone.append(Item(one.seqno, item_digest(bytes.fromhex(one.message_id))))
            if len(gone) > MAX_GONE:
                self.touch(room, gone.popleft().seqno)
        self.touch(room, one.seqno)

    def forget(self) -> None:
        """Read everything anew: the store has been replaced."""
        self._indexes.clear()

    def _message_ids(self, room: RoomName, seqno: int, digests: set[bytes]) -> Iterator[MessageId]:
        """Find one message for each digest, or beginning of one."""
        size = len(next(iter(digests)))
        for one in self._kept(room, seqno, seqno):
            digest = item_digest(bytes.fromhex(one.message_id))[:size]
            if digest in digests:
                digests.discard(digest)
                yield one.message_id

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
