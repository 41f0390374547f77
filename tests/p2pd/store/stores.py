"""The two message stores, made alike, so that one test holds for both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM, RoomName
from p2pd.domain.state import State
from p2pd.log.log import Log
from p2pd.store.memory_store import MemoryStore
from p2pd.store.message_store import MessageStore, Stored
from p2pd.store.sqlite_store import open_store
from tests.p2pd.facts import make_message, make_node

LOBBY = RoomName("lobby")
EVERYTHING = 1 << 40

Kind = Literal["memory", "disk"]
KINDS: tuple[Kind, ...] = ("memory", "disk")


@contextmanager
def open_kind(
    kind: Kind, keep: int = EVERYTHING, directory: Path | None = None
) -> Iterator[MessageStore]:
    """Open a store; one in memory keeps the newest ``keep`` messages by itself."""
    if kind == "memory":
        yield MemoryStore(keep, EVERYTHING)
        return
    with TemporaryDirectory() as made, open_store(directory or Path(made)) as store:
        yield store


class BoundedLog(Log):
    """A log that trims every room after each append, as retention does in time."""

    def __init__(self, store: MessageStore, keep: int = EVERYTHING, tail: int = 1000) -> None:
        super().__init__(store, State(make_node(), {}), tail_max_entries=tail)
        self._keep = keep

    def append(
        self, messages: Sequence[Message], *, are_readers_woken: bool = True
    ) -> tuple[Message, ...]:
        fresh = super().append(messages)
        for room in self.store.conversations():
            self.store.drop_oldest(room, keep=self._keep, received_before_ns=0, at_most=EVERYTHING)
        return fresh


def message_of(
    number: int,
    room: RoomName = DEFAULT_ROOM,
    *,
    data: bytes = b"hello",
    client_message_id: str = "",
    receive_time_ns: int | None = None,
) -> Message:
    """Make a message as it comes from the wire: its content lies in its signed bytes."""
    message = make_message(number, room, data)
    return replace(
        message,
        signed_bytes=b"\x0a\x26author" + data + b"\x2a\x40signature-%d" % number,
        client_message_id=client_message_id,
        receive_time_ns=message.receive_time_ns if receive_time_ns is None else receive_time_ns,
    )


def append(store: MessageStore, *numbers: int, room: RoomName = DEFAULT_ROOM) -> None:
    """Append messages one by one."""
    for number in numbers:
        store.append([message_of(number, room)])


def offsets(stored: Sequence[Stored]) -> list[int]:
    """Return where messages are."""
    return [one.offset for one in stored]
