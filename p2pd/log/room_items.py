"""The store as synchronisation sees it: each room's items, and their signed bytes.

Given to ``p2pd.net.sync`` by ``p2pd.app``. Asked in worker threads; told in the
trio thread of every message that comes or goes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from p2pd.domain.names import MessageId, RoomName
from p2pd.domain.reconciliation import MAX_SEQNO, Item, item_digest
from p2pd.log import store as kept
from p2pd.log.item_index import ItemIndex
from p2pd.log.store import NO_MESSAGE, MessageStore


class RoomItems:
    """The items of every room, indexed when they are first asked for."""

    def __init__(self, store: MessageStore) -> None:
        self._store = store
        self._indexes: dict[RoomName, ItemIndex] = {}

    def item_set(self, room: RoomName) -> ItemIndex:
        """Return the room's items."""
        index = self._indexes.get(room)
        if index is None:
            index = ItemIndex(lambda first, last: self._read(room, first, last))
            index = self._indexes.setdefault(room, index)
        return index

    def signed_bytes(self, room: RoomName, items: Sequence[Item]) -> list[bytes]:
        """Return the messages of these items that are kept, as their authors signed them."""
        ids = [message_id for item in items if (message_id := self._message_id(room, item))]
        found = self._store.signed_bytes(room, ids)
        return [found[message_id] for message_id in ids if message_id in found]

    def touch(self, room: RoomName, seqno: int) -> None:
        """Note that a message with this sequence number came or went."""
        index = self._indexes.get(room)
        if index is not None:
            index.touch(seqno)

    def forget(self) -> None:
        """Read everything anew: the store has been replaced."""
        self._indexes.clear()

    def _message_id(self, room: RoomName, item: Item) -> MessageId | None:
        for one in self._kept(room, item.seqno, item.seqno):
            if item_digest(bytes.fromhex(one.message_id)) == item.digest:
                return one.message_id
        return None

    def _read(self, room: RoomName, first: int, last: int | None) -> Iterator[Item]:
        for one in self._kept(room, first, last):
            yield Item(one.seqno, item_digest(bytes.fromhex(one.message_id)))

    def _kept(self, room: RoomName, first: int, last: int | None) -> Iterator[kept.Item]:
        upper = None if last is None or last == MAX_SEQNO else kept.Item(last + 1, NO_MESSAGE)
        return self._store.items(room, kept.Item(first, NO_MESSAGE), upper)
