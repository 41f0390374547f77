"""Two stores on disk reconciled over their indexes, message for message."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from p2pd.domain.items import END, LOWEST, MAX_SEQNO, Item
from p2pd.domain.messages import EARLIEST_SEND_TIME_NS, Message
from p2pd.domain.names import DEFAULT_ROOM, MessageId, PeerId, RoomName
from p2pd.store.message_store import Dropped
from p2pd.store.sqlite_store import SqliteStore, open_store
from p2pd.sync.fingerprints import Fingerprints
from p2pd.sync.ranges_from_proto import proto_from_ranges
from p2pd.sync.reconciliation import first_ranges, next_step, reply_to
from p2pd.sync.room_items import RoomItems
from tests.p2pd.facts import NOW_NS, make_message

SALTED = Fingerprints(salt=77)
SPARSE = RoomName("sparse")
SPREAD = 1_000_003
"""Nanoseconds between two messages."""
EXAMPLES = int(os.environ.get("ROOM_ITEMS_EXAMPLES", "40"))
BEGINS = (0, EARLIEST_SEND_TIME_NS - 20, NOW_NS, MAX_SEQNO - 20)
"""Counters, the border of clocks, clocks, and what js-libp2p draws by chance."""

numbers = st.sets(st.tuples(st.sampled_from(BEGINS), st.integers(0, 20), st.integers(0, 5)))
dropped = st.integers(0, 30)
_names = (RoomName(f"room {number}") for number in itertools.count())


@dataclass
class Side:
    """One room of one store, as a node uses it."""

    store: SqliteStore
    items: RoomItems
    room: RoomName

    def append(self, *messages: Message) -> None:
        for one in self.store.append(messages):
            self.items.touch(self.room, one.message.seqno)

    def drop(self, count: int) -> None:
        keep = max(0, self.store.count(self.room) - count)
        gone = self.store.drop_oldest(self.room, keep=keep, received_before_ns=0, at_most=1 << 30)
        for one in gone:
            self.items.touch(self.room, one.seqno)

    def ids(self) -> set[MessageId]:
        return {one.message_id for one in self.store.items(self.room)}

    def take(self, other: Side, items: set[Item]) -> None:
        """Append what the other has for these items; it names each by a part of its digest."""
        asked = [Item(item.seqno, item.digest[:6]) for item in items]
        for signed in other.items.signed_bytes(self.room, asked):
            begin, number, author = map(int, signed.split())
            self.append(message_of(self.room, begin, number, author))


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Side, Side]]:
    with ExitStack() as life:
        stores = [
            life.enter_context(open_store(tmp_path_factory.mktemp(name))) for name in ("a", "b")
        ]
        one, other = (
            Side(store, RoomItems(store, lambda: NOW_NS), RoomName("")) for store in stores
        )
        yield one, other


def message_of(room: RoomName, begin: int, number: int, author: int) -> Message:
    seqno = begin + number
    return Message(
        message_id=MessageId(f"{author:04x}{seqno:016x}{room.encode().hex()}"),
        room=room,
        author_id=PeerId("author"),
        data=b"hello",
        seqno=seqno,
        receive_time_ns=NOW_NS,
        forwarder_id=PeerId("forwarder"),
        signed_bytes=b"%d %d %d" % (begin, number, author),
    )


def difference(one: Side, other: Side) -> tuple[set[Item], set[Item], int]:
    """Reconcile; return what each has that the other lacks, and the bytes exchanged."""
    ours, theirs = one.items.item_set(one.room), other.items.item_set(other.room)
    have: set[Item] = set()
    need: set[Item] = set()
    size_bytes = 0
    message = first_ranges(ours)
    rounds = 0
    while message:
        answer = reply_to(message, theirs, fingerprints=SALTED)
        outcome = next_step(answer, ours, SALTED) if answer else None
        size_bytes += proto_from_ranges(message, is_compact=bool(rounds)).ByteSize()
        size_bytes += proto_from_ranges(answer, is_compact=True).ByteSize()
        rounds += 1
        message = outcome.reply if outcome else ()
        have.update(outcome.have if outcome else ())
        need.update(outcome.need if outcome else ())
    return have, need, size_bytes


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(ours=numbers, theirs=numbers, drops=st.tuples(dropped, dropped))
def test_two_stores_end_equal_whatever_their_difference(
    sides: tuple[Side, Side],
    ours: set[tuple[int, int, int]],
    theirs: set[tuple[int, int, int]],
    drops: tuple[int, int],
) -> None:
    one, other = sides
    one.room = other.room = next(_names)
    for side, chosen in zip(sides, (ours, theirs), strict=True):
        side.append(*(message_of(side.room, *numbers) for numbers in sorted(chosen)))
    expected = one.ids() | other.ids()
    for _ in range(2):
        have, need, _ = difference(one, other)
        one.take(other, need)
        other.take(one, have)
        assert one.ids() == other.ids() == expected
        assert difference(one, other)[2] < 100
        one.drop(drops[0])
        other.drop(drops[1])
        expected = one.ids() | other.ids()


@pytest.mark.parametrize("place", [0, 1, 12_345, 19_998, 19_999])
def test_one_of_very_many_is_found_in_few_bytes(tmp_path: Path, place: int) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with open_store(ours) as one, open_store(theirs) as other:
        sides = [Side(store, RoomItems(store, lambda: NOW_NS), SPARSE) for store in (one, other)]
        messages = [message_of(SPARSE, NOW_NS, number * SPREAD, 0) for number in range(20_000)]
        sides[0].append(*messages[:place], *messages[place + 1 :])
        sides[1].append(*messages)
        have, need, size_bytes = difference(*sides)
    assert (len(have), len(need)) == (0, 1)
    assert size_bytes <= 1_536


def test_bytes_grow_with_the_difference_and_not_with_the_stores(sides: tuple[Side, Side]) -> None:
    one, other = sides
    costs = []
    for count in (2_000, 20_000):
        one.room = other.room = next(_names)
        common = [message_of(one.room, NOW_NS, number, 0) for number in range(count)]
        for side in sides:
            side.append(*common)
        one.append(*(message_of(one.room, NOW_NS, count // 7 * step, 1) for step in range(7)))
        have, need, size_bytes = difference(one, other)
        assert (len(have), need) == (7, set())
        costs.append(size_bytes)
    assert max(costs) <= 2 * min(costs) <= 7 * 3_000


def test_what_was_let_go_stands_in_order_among_what_is_kept(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.append([make_message(number) for number in range(0, 20, 2)])
        items = RoomItems(store, lambda: NOW_NS)
        for number in (3, 4, 40):
            gone = make_message(number)
            items.dropped(DEFAULT_ROOM, Dropped(gone.seqno, 0, gone.message_id))
        found = list(items.item_set(DEFAULT_ROOM).items(LOWEST, END))
    assert found == sorted(set(found))
    assert len(found) == 12
