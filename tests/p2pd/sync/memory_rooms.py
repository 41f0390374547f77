"""A room in memory, and two sessions about it that are driven without input or output."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from p2pd.domain.items import LOWEST, Item, item_digest
from p2pd.domain.names import RoomName
from p2pd.domain.rejections import RejectionReason
from p2pd.sync.errors import SyncAbuseError, SyncError
from p2pd.sync.scope import Scope, SessionResult
from p2pd.sync.session.effects import (
    AcceptMessages,
    AcceptResult,
    Ended,
    EnterRoom,
    Receive,
    Send,
    Steps,
)
from p2pd.sync.session.machine import SyncSession
from tests.p2pd.sync.sorted_items import SortedItems

ROOM = RoomName("lobby")
EVERYTHING = Scope(ROOM, LOWEST, LOWEST, LOWEST)


def item_of(signed: bytes) -> Item:
    """Return the item that stands for a message of these tests: digits, then anything."""
    return Item(int(signed.partition(b" ")[0]), item_digest(signed))


class MemoryRoom:
    """What one side has of the room.

    Attributes:
        accepted: Messages that came, in order.
    """

    def __init__(self, messages: Iterable[bytes], scope: Scope | None = EVERYTHING) -> None:
        self.accepted: list[bytes] = []
        self._scope = scope
        self._messages = {item_of(signed): signed for signed in messages}

    @property
    def messages(self) -> set[bytes]:
        """What it has now."""
        return set(self._messages.values())

    @property
    def own(self) -> SortedItems:
        return SortedItems(self._messages)

    def signed_bytes(self, items: Sequence[Item]) -> Sequence[bytes]:
        wanted = {(item.seqno, item.digest[:6]) for item in items}
        return [
            signed
            for item, signed in sorted(self._messages.items())
            if (item.seqno, item.digest[:6]) in wanted
        ]

    def enter(self, room: RoomName) -> Scope | None:
        return self._scope if room == ROOM else None

    def accept(self, signed: Sequence[bytes], wanted: frozenset[Item] | None) -> AcceptResult:
        outstanding = set(wanted or ())
        before = len(self._messages)
        for one in signed:
            if wanted is not None and item_of(one) not in outstanding:
                raise SyncAbuseError(RejectionReason.SYNC_MESSAGE_UNWANTED)
            outstanding.discard(item_of(one))
            self.accepted.append(one)
            self._messages[item_of(one)] = one
        return AcceptResult(len(self._messages) - before, frozenset(outstanding))


class Side:
    """One side of a session: does what its machine names, as far as it can.

    Attributes:
        error: Why its session broke off.
        inbox: Bytes that the other side has sent.
        is_closed: Whether the other side sends no more.
    """

    def __init__(self, rules: Steps[SessionResult], room: MemoryRoom) -> None:
        self.error: SyncError | None = None
        self.inbox = bytearray()
        self.is_closed = False
        self.session = SyncSession(rules, started_s=0.0)
        self.room = room

    @property
    def result(self) -> SessionResult | None:
        """How it ended; None where it broke off or goes on."""
        effect = self.session.effect
        return effect.result if isinstance(effect, Ended) else None

    @property
    def is_waiting(self) -> bool:
        """Whether only the other side can bring it further."""
        is_blocked = isinstance(self.session.effect, Receive) and not self.inbox
        return self.error is not None or self.result is not None or is_blocked

    def step(self, write: Callable[[bytes], None], read_size: int) -> None:
        """Do one effect; at most so many bytes are read at once."""
        try:
            self._do(write, read_size)
        except SyncError as error:
            self.error = error

    def _do(self, write: Callable[[bytes], None], read_size: int) -> None:
        match self.session.effect:
            case Send(data):
                write(data)
                self.session.sent()
            case Receive():
                read = bytes(self.inbox[:read_size])
                del self.inbox[:read_size]
                self.session.received(read)
            case EnterRoom(room):
                self.session.entered(self.room.enter(room))
            case AcceptMessages(signed, wanted):
                self.session.accepted(self.room.accept(signed, wanted))
            case Ended():
                raise AssertionError("it has ended")
            case lookup:
                self.session.looked_up(lookup.answer(self.room), 0.0)


class Link:
    """Two sides, each of which reads what the other writes.

    Args:
        read_size: How many bytes each reads at once.
        fate: What becomes of the frames, by their number on this link: "lost", or
            "cut", which ends both directions there.
    """

    def __init__(
        self, one: Side, other: Side, read_size: int = 1 << 16, fate: dict[int, str] | None = None
    ) -> None:
        self.frame_count = 0
        self._sides = (one, other)
        self._read_size = read_size
        self._fate = fate or {}
        self._is_cut = False

    def run(self) -> None:
        """Drive both until neither can go on; what was cut is noticed by both."""
        one, other = self._sides
        while not (one.is_waiting and other.is_waiting):
            for side, opposite in ((one, other), (other, one)):
                while not side.is_waiting:
                    side.step(lambda data, to=opposite: self._carry(data, to), self._read_size)  # type: ignore[misc]
        for side in self._sides:
            if side.error is None and side.result is None:
                side.step(lambda data: None, 0)

    def _carry(self, data: bytes, to: Side) -> None:
        fate = self._fate.get(self.frame_count)
        self.frame_count += 1
        self._is_cut |= fate == "cut"
        if not self._is_cut and fate != "lost":
            to.inbox += data
