from __future__ import annotations

from dataclasses import replace

import pytest

from p2pd.chat.history import BEGIN, History
from p2pd.chat.membership import Membership
from p2pd.domain.items import Item
from p2pd.domain.names import MessageId, RoomName
from p2pd.domain.state import State
from p2pd.log.log import Log
from p2pd.store.memory_store import MemoryStore
from p2pd.store.message_store import Dropped
from p2pd.sync import Scope, SessionResult
from tests.p2pd.chat.ports import make_membership
from tests.p2pd.facts import NOW_NS, make_node

LOBBY = RoomName("lobby")
JOINED_NS = NOW_NS - 1_000
FLOOR_NS = NOW_NS - 5_000
MAX_AGE_NS = 10_000


@pytest.fixture
def membership() -> Membership:
    membership = make_membership(None, LOBBY)
    _set(membership, joined_ns=JOINED_NS, floor_ns=FLOOR_NS)
    return membership


@pytest.fixture
def history(membership: Membership) -> History:
    log = Log(MemoryStore(100, 1 << 20), State(make_node(LOBBY), {}))
    return History(membership, log, MAX_AGE_NS, newest=100, clock_ns=lambda: NOW_NS)


def _set(membership: Membership, **changes: int) -> None:
    record = membership.record(LOBBY)
    assert record is not None
    membership.update(LOBBY, replace(record, **changes))  # type: ignore[arg-type]


def scope_of(history: History) -> Scope:
    scope = history.scope(LOBBY)
    assert scope is not None
    return scope


def test_one_who_has_just_joined_wants_some_of_the_past(history: History) -> None:
    scope = scope_of(history)
    assert (scope.begin, scope.floor) == (BEGIN, Item(FLOOR_NS, b""))
    assert scope.newest == 100
    assert scope.unasked_floor == scope.joined == Item(JOINED_NS, b"")


def test_nothing_is_wanted_of_a_room_that_is_not_joined(history: History) -> None:
    assert history.scope(RoomName("elsewhere")) is None
    history.synchronised(RoomName("elsewhere"), SessionResult(left_out=JOINED_NS))
    history.raise_floor(RoomName("elsewhere"), NOW_NS)


def test_nothing_is_wanted_that_would_not_be_kept(history: History, membership: Membership) -> None:
    _set(membership, floor_ns=0)
    assert scope_of(history).floor == Item(NOW_NS - MAX_AGE_NS, b"")


def test_what_was_left_out_is_not_fetched_later(history: History) -> None:
    history.synchronised(LOBBY, SessionResult(received=100, left_out=JOINED_NS - 500))
    scope = scope_of(history)
    assert scope.floor == scope.unasked_floor == Item(JOINED_NS - 499, b"")
    assert scope.newest is None


def test_nothing_since_it_joined_is_ever_left_out(history: History) -> None:
    history.synchronised(LOBBY, SessionResult(received=100, left_out=NOW_NS + 10**15))
    assert scope_of(history).floor == Item(JOINED_NS, b"")


def test_a_peer_with_less_than_is_wanted_does_not_end_the_search(history: History) -> None:
    history.synchronised(LOBBY, SessionResult(received=5, sent=3))
    assert scope_of(history).newest == 100


def test_the_floor_never_falls(history: History) -> None:
    history.raise_floor(LOBBY, NOW_NS - 500)
    history.raise_floor(LOBBY, NOW_NS - 900)
    assert scope_of(history).floor == Item(NOW_NS - 500, b"")


def test_what_was_dropped_is_not_fetched_again(history: History) -> None:
    late = Dropped(NOW_NS - 400, NOW_NS - 100, MessageId("aa"))
    ahead = Dropped(NOW_NS + 10**12, NOW_NS - 300, MessageId("bb"))
    history.messages_dropped(LOBBY, [late, ahead])
    assert scope_of(history).floor == Item(NOW_NS - 299, b"")


def test_what_was_received_by_a_clock_ahead_raises_the_floor_to_the_present(
    history: History,
) -> None:
    ahead_ns = NOW_NS + 10**15
    history.messages_dropped(LOBBY, [Dropped(ahead_ns, ahead_ns, MessageId("aa"))])
    assert scope_of(history).floor == Item(NOW_NS, b"")
