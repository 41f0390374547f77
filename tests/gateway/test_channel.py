from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gateway.channel.log import ALIGNED_ENTRIES, ENTRY_OVERHEAD_BYTES, Channel, Entry

ALL: frozenset[str] = frozenset()
ENTRY_BYTES = ENTRY_OVERHEAD_BYTES + 10


def entry(number: int, room: str | None = "r", cursor: str | None = None) -> Entry:
    return Entry(cursor or f"c{number}", room, f"frame{number:05d}".encode())


def filled(count: int, keep: int = 100) -> Channel:
    channel = Channel(keep * ENTRY_BYTES, b"".join)
    channel.append(entry(number) for number in range(count))
    return channel


def test_consecutive_frames_are_one_write() -> None:
    stretch = filled(3).read(1, ALL, 1000)
    assert stretch is not None
    assert (stretch.wire, stretch.count, stretch.end) == (b"frame00001frame00002", 2, 3)
    assert stretch.cursor == "c2"


def test_readers_at_one_place_share_one_write() -> None:
    channel = filled(3)
    assert channel.read(0, ALL, 1000) is channel.read(0, ALL, 1000)


def test_a_write_is_bounded_but_never_empty() -> None:
    channel = filled(9)
    stretch = channel.read(0, ALL, 15)
    assert stretch is not None
    assert stretch.end == 2
    tiny = channel.read(0, ALL, 1)
    assert tiny is not None
    assert tiny.end == 1


def test_rooms_not_asked_for_are_passed_over() -> None:
    channel = Channel(100_000, b"".join)
    channel.append([entry(0, "a"), entry(1, "b"), entry(2, None), entry(3, "b")])
    stretch = channel.read(0, frozenset({"a"}), 1000)
    assert stretch is not None
    assert (stretch.wire, stretch.end, stretch.cursor) == (b"frame00000frame00002", 4, "c3")


def test_the_oldest_go_and_who_is_behind_is_told() -> None:
    channel = filled(25, keep=10)
    assert (channel.start, channel.end) == (15, 25)
    assert channel.read(14, ALL, 1000) is None
    assert channel.read(15, ALL, 1000) is not None
    assert channel.size_bytes == 10 * ENTRY_BYTES


def test_who_has_the_newest_dropped_entry_goes_on_at_the_start() -> None:
    channel = filled(25, keep=10)
    assert channel.place_after("c14") == 15
    assert channel.place_after("c13") is None


def test_what_shares_a_messages_cursor_follows_it() -> None:
    channel = Channel(100_000, b"".join)
    channel.append([entry(0), entry(1, cursor="c0"), entry(2)])
    assert channel.place_after("c0") == 1


def test_an_entry_larger_than_the_bound_is_kept_until_the_next() -> None:
    channel = Channel(10, b"".join)
    channel.append([entry(0), entry(1)])
    assert (channel.start, channel.end) == (1, 2)


@given(
    keep=st.integers(1, 12),
    batches=st.lists(st.lists(st.booleans(), max_size=6), max_size=12),
    max_bytes=st.integers(1, 60),
)
def test_a_reader_in_reach_gets_every_entry_once_in_order(
    keep: int, batches: list[list[bool]], max_bytes: int
) -> None:
    channel = Channel(keep * ENTRY_BYTES, b"".join)
    place = number = 0
    got = b""
    expected: list[bytes] = []
    for batch in batches:
        entries: list[Entry] = []
        for is_message in batch:
            number += is_message
            entries.append(entry(len(expected) + len(entries), cursor=f"c{number}"))
        expected += [one.payload for one in entries]
        channel.append(entries)
        while place < channel.end:
            stretch = channel.read(place, ALL, max_bytes)
            if stretch is None:
                skipped = channel.start - place
                got += b"".join(expected[place : place + skipped])
                place = channel.start
                continue
            assert stretch.end > place
            got += stretch.wire
            place = stretch.end
    assert got == b"".join(expected)


@given(
    keep=st.integers(1, 8), cursors=st.lists(st.integers(0, 9), min_size=1, max_size=30).map(sorted)
)
def test_whoever_resumes_at_a_cursor_misses_no_message_behind_it(
    keep: int, cursors: list[int]
) -> None:
    channel = Channel(keep * ENTRY_BYTES, b"".join)
    for number, cursor in enumerate(cursors):
        channel.append([entry(number, cursor=f"c{cursor}")])
    for cursor in set(cursors):
        place = channel.place_after(f"c{cursor}")
        if place is not None:
            later = [number for number, one in enumerate(cursors) if one > cursor]
            assert channel.start <= place
            assert not later or place <= later[0]


def test_readers_from_many_places_soon_share_their_writes() -> None:
    channel = filled(4 * ALIGNED_ENTRIES, keep=4 * ALIGNED_ENTRIES)
    places = {0, 1, 17, ALIGNED_ENTRIES - 1}
    ends = {stretch.end for place in places if (stretch := channel.read(place, ALL, 1 << 20))}
    assert ends == {ALIGNED_ENTRIES, 2 * ALIGNED_ENTRIES}


def test_a_cleared_channel_has_no_entry_and_goes_on() -> None:
    channel = filled(5)
    channel.clear()
    assert (channel.size_bytes, channel.start, channel.end, channel.cursor) == (0, 5, 5, "c4")
    assert channel.read(2, ALL, 1000) is None
    assert channel.place_after("c2") is None
    assert channel.place_after("c4") == 5
    channel.append([entry(5)])
    stretch = channel.read(5, ALL, 1000)
    assert stretch is not None
    assert stretch.wire == b"frame00005"
