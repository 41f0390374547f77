"""What a session needs done, one thing at a time, and the answers that it goes on with.

Yielded by the rules of both roles; ``machine`` translates frames to bytes, and
``p2pd.sync.session_runner`` does the rest.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar

from wsp.sync.v1 import sync_pb2

from p2pd.domain.items import Item
from p2pd.domain.names import RoomName
from p2pd.sync.reconciliation import ItemSet
from p2pd.sync.scope import Scope, SessionResult

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class RoomContent(Protocol):
    """The store's part of a session's room; asked in worker threads."""

    @property
    def own(self) -> ItemSet:
        """The items of this node."""

    def signed_bytes(self, items: Sequence[Item]) -> Sequence[bytes]:
        """Return the messages of these items that are stored, as their authors signed them."""


class Lookup(Protocol[T_co]):
    """A question to the store, answered in a worker thread."""

    def answer(self, content: RoomContent) -> T_co:
        """Answer it; raises SyncAbuseError where the peer's part of it is malformed."""


@dataclass(frozen=True, slots=True)
class StoredMessages:
    """Which messages of these items are stored."""

    items: Sequence[Item]

    def answer(self, content: RoomContent) -> Sequence[bytes]:
        """Read them."""
        return content.signed_bytes(self.items)


@dataclass(frozen=True, slots=True)
class SendFrame:
    """A frame is to be sent; answered by None."""

    frame: sync_pb2.Frame


@dataclass(frozen=True, slots=True)
class ReceiveFrame:
    """The next frame is waited for; answered by it."""


@dataclass(frozen=True, slots=True)
class EnterRoom:
    """A peer opens a session about a room; answered by a Scope, None where it is not joined."""

    room: RoomName


@dataclass(frozen=True, slots=True)
class AcceptMessages:
    """Messages are to be verified and appended; answered by AcceptResult.

    Attributes:
        wanted: What was asked for and has not come: nothing else may come. None where
            the peer gives unasked.
    """

    signed: Sequence[bytes]
    wanted: frozenset[Item] | None


class AcceptResult(NamedTuple):
    """How messages were accepted.

    Attributes:
        new_count: Messages that were new to this node.
        wanted: What was asked for and still has not come.
    """

    new_count: int
    wanted: frozenset[Item]


@dataclass(frozen=True, slots=True)
class Send:
    """Bytes are to be written to the stream."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Receive:
    """The stream is to be read."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The session has come to its end."""

    result: SessionResult


Step: TypeAlias = SendFrame | ReceiveFrame | EnterRoom | AcceptMessages | Lookup[Any]
Effect: TypeAlias = Send | Receive | EnterRoom | AcceptMessages | Lookup[Any] | Ended
Steps: TypeAlias = Generator[Step, Any, T]
"""The rules of a session, or a part of them, that return a ``T``."""


def send(**fields: Any) -> Steps[None]:
    """Send the frame that has this field."""
    yield SendFrame(sync_pb2.Frame(**fields))


def receive() -> Steps[sync_pb2.Frame]:
    """Wait for a frame."""
    frame: sync_pb2.Frame = yield ReceiveFrame()
    return frame


def look_up(lookup: Lookup[T]) -> Steps[T]:
    """Have the store answer."""
    answer: T = yield lookup
    return answer


def enter_room(room: RoomName) -> Steps[Scope | None]:
    """Ask what is wanted of a room."""
    scope: Scope | None = yield EnterRoom(room)
    return scope


def accept(signed: Sequence[bytes], wanted: frozenset[Item] | None) -> Steps[AcceptResult]:
    """Have messages verified and appended."""
    accepted: AcceptResult = yield AcceptMessages(signed, wanted)
    return accepted
