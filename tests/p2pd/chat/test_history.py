from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.chat.history import BEGIN, History
from p2pd.chat.roombook import RoomBook
from p2pd.domain.names import MessageId, RoomName
from p2pd.domain.state import State
from p2pd.log.log import Log
from p2pd.store.memory_store import MemoryStore
from p2pd.store.message_store import Dropped
from p2pd.sync import SessionResult
from p2pd.sync.reconciliation import Item
from tests.p2pd.facts import NOW_NS, make_node

LOBBY = RoomName("lobby")
JOINED_NS = NOW_NS - 1_000
FLOOR_NS = NOW_NS - 5_000
MAX_AGE_NS = 10_000


@pytest.fixture
def rooms(tmp_path: Path) -> RoomBook:
    return RoomBook(tmp_path / "rooms.json", [LOBBY], FLOOR_NS, JOINED_NS)


@pytest.fixture
def history(rooms: RoomBook) -> History:
    log = Log(MemoryStore(100, 1 << 20), State(make_node(LOBBY), {}))
    return History(rooms, log, MAX_AGE_NS, newest=100, clock_ns=lambda: NOW_NS)


def test_one_who_has_just_joined_wants_some_of_the_past(history: History) -> None:
    scope = history.scope(LOBBY)
    assert (scope.begin, scope.floor) == (BEGIN, Item(FLOOR_NS, b""))
    assert scope.newest == 100
    assert scope.unasked_floor == scope.joined == Item(JOINED_NS, b"")


def test_nothing_is_wanted_that_would_not_be_kept(history: History, rooms: RoomBook) -> None:
    rooms[LOBBY].floor_ns = 0
    assert history.scope(LOBBY).floor == Item(NOW_NS - MAX_AGE_NS, b"")


def test_what_was_left_out_is_not_fetched_later(history: History) -> None:
    history.synchronised(LOBBY, SessionResult(received=100, left_out=JOINED_NS - 500))
    scope = history.scope(LOBBY)
    assert scope.floor == scope.unasked_floor == Item(JOINED_NS - 499, b"")
    assert scope.newest is None


def test_nothing_since_it_joined_is_ever_left_out(history: History) -> None:
    history.synchronised(LOBBY, SessionResult(received=100, left_out=NOW_NS + 10**15))
    assert history.scope(LOBBY).floor == Item(JOINED_NS, b"")


def test_a_peer_with_less_than_is_wanted_does_not_end_the_search(history: History) -> None:
    history.synchronised(LOBBY, SessionResult(received=5, sent=3))
    assert history.scope(LOBBY).newest == 100


def test_the_floor_never_falls(history: History) -> None:
    history.raise_floor(LOBBY, NOW_NS - 500)
    history.raise_floor(LOBBY, NOW_NS - 900)
    assert history.scope(LOBBY).floor == Item(NOW_NS - 500, b"")


def test_what_was_dropped_is_not_fetched_again(history: History) -> None:
    late = Dropped(NOW_NS - 400, NOW_NS - 100, MessageId("aa"))
    ahead = Dropped(NOW_NS + 10**12, NOW_NS - 300, MessageId("bb"))
    history.messages_dropped(LOBBY, [late, ahead])
    assert history.scope(LOBBY).floor == Item(NOW_NS - 299, b"")
