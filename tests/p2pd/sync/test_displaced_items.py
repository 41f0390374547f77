from __future__ import annotations

import time
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from p2pd.domain.items import END, LOWEST, Item, item_digest
from p2pd.domain.messages import EARLIEST_SEND_TIME_NS, MAX_CLOCK_BEHIND_NS, Message
from p2pd.domain.names import DEFAULT_ROOM
from p2pd.domain.state import State
from p2pd.log.log import Log
from p2pd.store.memory_store import MemoryStore
from p2pd.store.message_store import Dropped
from p2pd.sync.displaced_items import MAX_REMOVED, DisplacedItems
from tests.p2pd.facts import NOW_NS, make_message, make_node

EARLIEST_TIMELY = NOW_NS - MAX_CLOCK_BEHIND_NS
NUMBERS = st.one_of(
    st.integers(0, (1 << 64) - 1),
    st.sampled_from([0, 1, EARLIEST_SEND_TIME_NS - 1, EARLIEST_SEND_TIME_NS]),
    st.sampled_from([EARLIEST_TIMELY - 1, EARLIEST_TIMELY, NOW_NS, NOW_NS + 10**15]),
)


def message_with(number: int, seqno: int) -> Message:
    return replace(make_message(number), seqno=seqno, receive_time_ns=NOW_NS)


def item_of(message: Message) -> Item:
    return Item(message.seqno, item_digest(bytes.fromhex(message.message_id)))


@given(st.lists(NUMBERS, max_size=40, unique=True), st.integers(0, 40))
def test_what_is_displaced_is_the_same_read_from_the_store_or_seen_coming(
    numbers: list[int], asked_after: int
) -> None:
    log = Log(MemoryStore(1_000, 1 << 20), State(make_node(), {}), clock_ns=lambda: NOW_NS)
    messages = [message_with(index, seqno) for index, seqno in enumerate(numbers)]
    expected = sorted(
        item_of(one) for one in messages if EARLIEST_SEND_TIME_NS <= one.seqno < EARLIEST_TIMELY
    )
    log.append(messages[:asked_after])
    displaced = log.items.displaced_set(DEFAULT_ROOM)
    displaced.summary(LOWEST, END)
    log.append(messages[asked_after:])
    assert list(displaced.items(LOWEST, END)) == expected
    log.items.forget()
    again = log.items.displaced_set(DEFAULT_ROOM)
    assert list(again.items(LOWEST, END)) == expected
    assert again.summary(LOWEST, END) == displaced.summary(LOWEST, END)


def test_what_retention_removed_is_remembered_up_to_a_bound() -> None:
    log = Log(MemoryStore(1_000, 1 << 20), State(make_node(), {}))
    displaced = log.items.displaced_set(DEFAULT_ROOM)
    messages = [message_with(n, EARLIEST_SEND_TIME_NS + n) for n in range(MAX_REMOVED + 10)]
    for one in messages:
        dropped = Dropped(one.seqno, one.receive_time_ns, one.message_id)
        log.dropped(one.room, [dropped])
    assert list(displaced.items(LOWEST, END)) == [item_of(one) for one in messages[10:]]


def test_the_store_is_searched_up_to_the_time_of_the_nodes_clock() -> None:
    years_ahead_ns = time.time_ns() + 3 * 365 * 24 * 3600 * 10**9
    log = Log(MemoryStore(10, 1 << 20), State(make_node(), {}), clock_ns=lambda: years_ahead_ns)
    sent_ns = years_ahead_ns - 2 * MAX_CLOCK_BEHIND_NS
    message = replace(make_message(1), seqno=sent_ns, receive_time_ns=years_ahead_ns)
    log.append([message])
    log.items.forget()
    assert list(log.items.displaced_set(DEFAULT_ROOM).items(LOWEST, END)) == [item_of(message)]


@given(st.sets(st.integers(0, 1_000), max_size=200), st.integers(1, 20))
def test_pieces_cover_the_range(numbers: set[int], parts: int) -> None:
    items = sorted(Item(number, b"") for number in numbers)
    displaced = DisplacedItems(lambda: items)
    pieces = displaced.split(LOWEST, END, parts)
    assert pieces[-1][0] == END
    assert sum(summary.count for _, summary in pieces) == len(items)
    lower = LOWEST
    for upper, summary in pieces:
        assert displaced.summary(lower, upper) == summary
        lower = upper if isinstance(upper, Item) else lower
