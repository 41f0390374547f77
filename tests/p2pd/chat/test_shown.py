"""Messages that are hidden and rooms that are muted, over restarts."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio

from p2pd.chat import shown
from p2pd.chat.blocks import Blocks
from p2pd.chat.shown import Shown
from p2pd.domain.events import MessageHidden, RoomMuted
from p2pd.domain.names import DEFAULT_ROOM, MessageId, PeerId, RoomName
from p2pd.domain.state import State
from p2pd.errors import LimitReachedError, RoomNotJoinedError, StorageFullError
from p2pd.log.log import Log
from p2pd.store.memory_store import MemoryStore
from p2pd.store.message_store import Dropped
from tests.p2pd.chat.ports import RoomsInMemory
from tests.p2pd.facts import make_message, make_node

ONE, TWO = (make_message(number).message_id for number in (1, 2))


class Eyes:
    """What one node's person sees."""

    def __init__(self, store: RoomsInMemory | None = None) -> None:
        self.store = store or RoomsInMemory()
        self.log = Log(MemoryStore(100, 1 << 20), State(make_node(DEFAULT_ROOM), {}))
        self.blocks = Blocks(self.log, self.store, PeerId("own"))
        self.shown = Shown(self.log, self.store, self.blocks, DEFAULT_ROOM.__eq__)
        self._reader = self.log.open_reader(None)
        self._reader.read(1 << 20)

    def hide(self, message_id: MessageId, is_hidden: bool = True) -> None:
        async def ask() -> None:
            await self.shown.hide_message(message_id, is_hidden=is_hidden)

        trio.run(ask)

    def mute(self, room: RoomName, is_muted: bool = True) -> None:
        async def ask() -> None:
            await self.shown.mute_room(room, is_muted=is_muted)

        trio.run(ask)

    def events(self) -> list[object]:
        return [entry.event.body for entry in self._reader.read(1 << 20)]


def test_a_message_is_hidden_over_a_restart_until_it_is_shown_again() -> None:
    eyes = Eyes()
    eyes.hide(ONE)
    eyes.hide(ONE)
    assert eyes.events() == [MessageHidden(ONE, is_hidden=True)]
    again = Eyes(eyes.store)
    assert again.shown.hides(make_message(1))
    assert not again.shown.hides(make_message(2))
    again.hide(ONE, is_hidden=False)
    assert again.events() == [MessageHidden(ONE, is_hidden=False)]
    assert not again.shown.hides(make_message(1))
    assert not [key for key in again.store.kept if key[1] == ONE]


def test_messages_of_blocked_authors_are_hidden_too() -> None:
    eyes = Eyes()
    message = replace(make_message(1), author_id=PeerId("eve"))
    assert not eyes.shown.hides(message)
    trio.run(eyes.blocks.block, PeerId("eve"))
    assert eyes.shown.hides(message)


def test_a_room_is_muted_over_a_restart_until_it_is_left() -> None:
    eyes = Eyes()
    eyes.mute(DEFAULT_ROOM)
    eyes.mute(DEFAULT_ROOM)
    assert eyes.events() == [RoomMuted(DEFAULT_ROOM, is_muted=True)]
    again = Eyes(eyes.store)
    assert again.shown.is_muted(DEFAULT_ROOM)
    again.shown.room_left(DEFAULT_ROOM)
    assert not again.shown.is_muted(DEFAULT_ROOM)
    assert not Eyes(eyes.store).shown.is_muted(DEFAULT_ROOM)
    with pytest.raises(RoomNotJoinedError):
        again.mute(RoomName("elsewhere"))


def test_there_is_a_bound_and_what_retention_removes_makes_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shown, "MAX_HIDDEN", 1)
    eyes = Eyes()
    eyes.hide(ONE)
    with pytest.raises(LimitReachedError):
        eyes.hide(TWO)
    eyes.shown.messages_dropped([Dropped(1, 1, ONE), Dropped(2, 2, TWO)])
    eyes.hide(TWO)
    assert eyes.shown.hides(make_message(2))


def test_what_cannot_be_stored_is_not_done() -> None:
    eyes = Eyes()
    eyes.store.save_error = StorageFullError(1.0)
    with pytest.raises(StorageFullError):
        eyes.hide(ONE)
    with pytest.raises(StorageFullError):
        eyes.mute(DEFAULT_ROOM)
    assert not eyes.shown.hides(make_message(1))
    assert not eyes.shown.is_muted(DEFAULT_ROOM)
    assert eyes.events() == []
