"""Stand-ins for what the use cases call, at the edge of one use case at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import trio

from p2pd.chat.membership import Membership, RoomDefaults
from p2pd.domain.names import DEFAULT_ROOM, PeerId, RoomName
from p2pd.net.direct import SignedDirect
from p2pd.net.pubsub.gossip import SignedMessage
from p2pd.store.entry_store import EntryKind
from p2pd.store.peer_store import KnownPeers
from p2pd.store.room_store import RoomRecord
from tests.p2pd.facts import NOW_NS, message_id_of

OWN = b"own"


class RoomsInMemory:
    """Rooms and known peers without a disk, which fails when told to."""

    def __init__(self) -> None:
        self.records: dict[RoomName, RoomRecord] = {}
        self.directs: dict[PeerId, RoomRecord] = {}
        self.peers = KnownPeers()
        self.kept: dict[tuple[EntryKind, str], bytes] = {}
        self.keeps_left_rooms = True
        self.save_error: Exception | None = None
        self.commit: Callable[[], Awaitable[None]] = trio.lowlevel.checkpoint

    def room_records(self) -> dict[RoomName, RoomRecord]:
        return dict(self.records)

    def save_rooms(self, records: Mapping[RoomName, RoomRecord]) -> None:
        if self.save_error is not None:
            raise self.save_error
        self.records |= records
        if not self.keeps_left_rooms:
            self.records = {room: one for room, one in self.records.items() if one.is_joined}

    def direct_records(self) -> dict[PeerId, RoomRecord]:
        return dict(self.directs)

    def save_directs(self, records: Mapping[PeerId, RoomRecord]) -> None:
        if self.save_error is not None:
            raise self.save_error
        self.directs |= records

    def known_peers(self) -> KnownPeers:
        return self.peers

    def save_known_peers(self, peers: KnownPeers) -> None:
        if self.save_error is not None:
            raise self.save_error
        self.peers = peers

    def entries(self, kind: EntryKind) -> dict[str, bytes]:
        return {key: value for (each, key), value in self.kept.items() if each is kind}

    def save_entry(self, kind: EntryKind, key: str, value: bytes | None) -> None:
        if self.save_error is not None:
            raise self.save_error
        self.kept.pop((kind, key), None)
        if value is not None:
            self.kept[kind, key] = value

    async def wait_committed(self) -> None:
        await self.commit()

    @property
    def joined(self) -> set[RoomName]:
        """The rooms that a restart would join."""
        return {room for room, record in self.records.items() if record.is_joined}


class TopicsInMemory:
    """The network's topics; joining and leaving take a while, as they do there."""

    def __init__(self) -> None:
        self.subscribed: set[RoomName] = set()
        self.join_error: Exception | None = None
        self.leave_error: Exception | None = None
        self.calls = 0

    async def join(self, room: RoomName) -> None:
        assert room not in self.subscribed, "joined twice"
        self.calls += 1
        await trio.lowlevel.checkpoint()
        self.subscribed.add(room)
        await trio.lowlevel.checkpoint()
        if self.join_error is not None:
            raise self.join_error

    async def leave(self, room: RoomName) -> None:
        await trio.lowlevel.checkpoint()
        self.subscribed.discard(room)
        await trio.lowlevel.checkpoint()
        if self.leave_error is not None:
            raise self.leave_error


def make_membership(
    store: RoomsInMemory | None = None, *configured: RoomName, history_ns: int = 5_000
) -> Membership:
    """Make a membership of these rooms, the default one where none is named."""
    defaults = RoomDefaults(history_ns, lambda: NOW_NS, lambda: NOW_NS)
    return Membership(store or RoomsInMemory(), configured or (DEFAULT_ROOM,), defaults)


def deliver_nothing(message: SignedDirect) -> None:
    raise AssertionError(f"a direct message: {message}")


def make_signed(seqno: int, room: RoomName = DEFAULT_ROOM, data: bytes = b"text") -> SignedMessage:
    """Make a message of our own; its signed bytes are its number."""
    wire: Any = None
    return SignedMessage(
        message_id=message_id_of(OWN, seqno),
        room=room,
        author_id=PeerId("self"),
        data=data,
        seqno=seqno,
        signed_bytes=b"%d" % seqno,
        wire=wire,
    )
