from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.channel.backlog import MAX_BACKLOGS, Backlog, Backlogs
from gateway.channel.log import ENTRY_OVERHEAD_BYTES, Channel, Entry

ALL: frozenset[str] = frozenset()
ENTRY_BYTES = ENTRY_OVERHEAD_BYTES + 10
NEWEST = 100
"""The channel holds nothing older than this message."""


def entry(number: int) -> Entry:
    return Entry(f"c{number}", "r", f"frame{number:05d}".encode())


def make_backlogs(keep: int) -> tuple[Channel, Backlogs]:
    channel = Channel(1 << 20, b"".join)
    channel.start_after(f"c{NEWEST}")
    return channel, Backlogs(channel, keep * ENTRY_BYTES)


def fetch(backlogs: Backlogs, after: int) -> list[int]:
    """Fill a piece as a call at the node does; return the messages that it brought."""
    backlog = backlogs.open(f"c{after}")
    backlog.is_growing = True
    brought = []
    for number in range(after + 1, NEWEST + 1):
        brought.append(number)
        if backlogs.extend(backlog, [entry(number)]):
            break
    backlog.is_growing = False
    return brought


@given(st.lists(st.integers(0, NEWEST - 1), min_size=1, max_size=MAX_BACKLOGS))
def test_whatever_the_cursors_each_message_is_fetched_once(cursors: list[int]) -> None:
    _, backlogs = make_backlogs(keep=2 * NEWEST)
    fetched = [
        number
        for after in cursors
        if backlogs.holder(f"c{after}") is None
        for number in fetch(backlogs, after)
    ]
    assert sorted(fetched) == list(range(min(cursors) + 1, NEWEST + 1))
    assert all(backlogs.holder(f"c{number}") for number in range(min(cursors), NEWEST + 1))


def test_a_piece_ends_where_the_next_begins_and_its_readers_go_on_there() -> None:
    channel, backlogs = make_backlogs(keep=2 * NEWEST)
    fetch(backlogs, 60)
    assert fetch(backlogs, 40)[-1] == 60
    older, newer = backlogs.holder("c40"), backlogs.holder("c60")
    assert isinstance(older, Backlog)
    assert older.cursor == "c60"
    assert newer is not older
    assert backlogs.holder(f"c{NEWEST}") is channel


def test_a_call_is_given_where_all_others_begin() -> None:
    _, backlogs = make_backlogs(keep=2 * NEWEST)
    fetch(backlogs, 60)
    fetch(backlogs, 40)
    assert backlogs.known_ahead("c40") == [f"c{NEWEST}", "c60"]


def test_a_piece_that_nobody_reads_goes_before_one_that_is_read() -> None:
    _, backlogs = make_backlogs(keep=15)
    fetch(backlogs, 90)
    read = backlogs.holder("c90")
    assert isinstance(read, Backlog)
    read.reader_count = 1
    fetch(backlogs, 88)
    for number in range(4):
        backlogs.extend(backlogs.open(f"other{number}"), [entry(200 + number)])
    assert backlogs.holder("c90") is read
    assert backlogs.holder("c88") is None


@given(st.lists(st.integers(0, NEWEST - 1), min_size=1, max_size=60), st.integers(1, 150))
def test_all_pieces_together_stay_in_their_memory(cursors: list[int], keep: int) -> None:
    _, backlogs = make_backlogs(keep)
    for after in cursors:
        if backlogs.holder(f"c{after}") is None:
            fetch(backlogs, after)
        assert backlogs.size_bytes <= keep * ENTRY_BYTES
        assert len(backlogs.known_ahead("none")) <= MAX_BACKLOGS + 1


def test_the_largest_loses_its_oldest_and_its_readers_are_told() -> None:
    _, backlogs = make_backlogs(keep=10)
    backlog = backlogs.open("c50")
    backlog.reader_count = 1
    backlogs.extend(backlog, [entry(number) for number in range(51, 81)])
    assert backlog.end - backlog.start == 10
    assert backlog.read(0, ALL, 1000) is None
    assert backlogs.holder("c55") is None


def test_cleared_pieces_hold_nothing_and_end_their_calls() -> None:
    _, backlogs = make_backlogs(keep=2 * NEWEST)
    backlog = backlogs.open("c50")
    backlog.is_growing = True
    assert not backlogs.extend(backlog, [entry(51), entry(52)])
    backlogs.clear()
    assert backlogs.holder("c50") is None
    assert backlogs.extend(backlog, [entry(53)])
    assert backlogs.holder("c52") is None
    assert backlog.read(0, ALL, 1000) is None
