"""Up to where peers have all of our own messages, as comparisons with them have shown.

Kept by ``p2pd.chat.deliveries``, over restarts as entries of the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from p2pd.domain.names import PeerId, RoomName
from p2pd.store.entry_store import EntryKind, EntryStore

MAX_MARKS = 4096
"""Of a peer in a room each; the one that grew longest ago is evicted."""


class Mark(NamedTuple):
    """The peer has every message of ours that was sent from a time on and is stored up to here.

    Attributes:
        seqno: The lowest sequence number that was compared.
        until: The offset up to which our own messages were compared.
    """

    seqno: int
    until: int


class EqualPeers:
    """The marks of all peers in all rooms, of one log."""

    def __init__(self, store: EntryStore, epoch: Callable[[], str]) -> None:
        self._store = store
        self._epoch = epoch
        self._loaded_epoch = epoch()
        self._marks: OrderedDict[tuple[PeerId, RoomName], Mark] = OrderedDict()
        self._unsaved: set[tuple[PeerId, RoomName]] = set()
        self._load()

    def equal(self, peer_id: PeerId, room: RoomName, mark: Mark) -> None:
        """Record that a comparison has found nothing that a peer lacks of ours."""
        self._check_epoch()
        key = (peer_id, room)
        if self._marks.get(key) == mark:
            return
        self._marks[key] = mark
        self._marks.move_to_end(key)
        self._unsaved.add(key)

    def holders(self, room: RoomName, seqno: int, offset: int) -> list[PeerId]:
        """Return the peers that have one of our messages, by what comparisons have shown."""
        self._check_epoch()
        return [
            peer_id
            for (peer_id, of_room), mark in self._marks.items()
            if of_room == room and mark.seqno <= seqno and offset <= mark.until
        ]

    def forget_room(self, room: RoomName) -> None:
        """Forget a room."""
        for key in [key for key in self._marks if key[1] == room]:
            del self._marks[key]
            self._unsaved.add(key)

    def save(self) -> None:
        """Store what has changed.

        Raises:
            ChatError: The disk is full or refuses; the rest is stored the next time.
        """
        while len(self._marks) > MAX_MARKS:
            self._unsaved.add(self._marks.popitem(last=False)[0])
        while self._unsaved:
            key = next(iter(self._unsaved))
            mark = self._marks.get(key)
            value = None if mark is None else f"{self._loaded_epoch} {mark.seqno} {mark.until}"
            encoded = None if value is None else value.encode()
            self._store.save_entry(EntryKind.HELD_UNTIL, " ".join(key), encoded)
            self._unsaved.discard(key)

    def _check_epoch(self) -> None:
        """Begin anew where the log is another one: offsets mean nothing in it."""
        if self._loaded_epoch != self._epoch():
            self._loaded_epoch = self._epoch()
            self._unsaved |= self._marks.keys()
            self._marks.clear()

    def _load(self) -> None:
        for name, value in self._store.entries(EntryKind.HELD_UNTIL).items():
            peer_id, _, room = name.partition(" ")
            key = (PeerId(peer_id), RoomName(room))
            epoch, _, numbers = value.decode().partition(" ")
            if epoch != self._loaded_epoch:
                self._unsaved.add(key)
                continue
            seqno, _, until = numbers.partition(" ")
            self._marks[key] = Mark(int(seqno), int(until))
