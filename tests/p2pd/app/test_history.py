from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.app.history import BEGIN, History
from p2pd.app.roombook import RoomBook
from p2pd.domain.names import RoomName
from p2pd.domain.reconciliation import Item
from p2pd.domain.state import State
from p2pd.log.log import Log
from p2pd.log.memory import MemoryStore
from p2pd.log.store import Dropped
from p2pd.net.sync import SessionResult
from tests.p2pd.facts import NOW_NS, make_node

LOBBY = RoomName("lobby")
JOINED_NS = NOW_NS - 1_000
MAX_AGE_NS = 10_000


@pytest.fixture
def rooms(tmp_path: Path) -> RoomBook:
    return RoomBook(tmp_path / "rooms.json", [LOBBY], JOINED_NS, NOW_NS)


@pytest.fixture
def history(rooms: RoomBook) -> History:
    log = Log(MemoryStore(100, 1 << 20), State(make_node(LOBBY), {}))
    return History(rooms, log, len, MAX_AGE_NS, newest=100, clock_ns=lambda: NOW_NS)


def test_one_who_has_just_joined_wants_some_of_the_past(history: History) -> None:
    scope = history.scope(LOBBY)
    assert (scope.begin, scope.floor) == (BEGIN, Item(JOINED_NS, b""))
    assert scope.newest == 100


def test_a_member_wants_everything_since(history: History, rooms: RoomBook) -> None:
    history.synchronised(LOBBY, SessionResult(received=5, sent=0))
    assert history.scope(LOBBY).newest is None
    rooms[LOBBY].floor_ns = 0
    assert history.scope(LOBBY).floor == Item(NOW_NS - MAX_AGE_NS, b"")


def test_what_was_left_out_is_not_fetched_later(history: History) -> None:
    history.synchronised(LOBBY, SessionResult(received=100, sent=0, left_out=NOW_NS - 500))
    assert history.scope(LOBBY).floor == Item(NOW_NS - 499, b"")


def test_an_empty_peer_does_not_count_as_the_past(history: History) -> None:
    history.synchronised(LOBBY, SessionResult(received=0, sent=3))
    assert history.scope(LOBBY).newest == 100


def test_the_floor_never_falls(history: History) -> None:
    history.raise_floor(LOBBY, NOW_NS - 500)
    history.raise_floor(LOBBY, NOW_NS - 900)
    assert history.scope(LOBBY).floor == Item(NOW_NS - 500, b"")


def test_what_was_dropped_is_not_fetched_again(history: History) -> None:
    ahead = Dropped(seqno=NOW_NS + 10**12, receive_time_ns=NOW_NS - 300)
    history.messages_dropped(LOBBY, [Dropped(NOW_NS - 400, NOW_NS - 100), ahead])
    assert history.scope(LOBBY).floor == Item(NOW_NS - 299, b"")
