"""Stored sums over ranges of items: right after whatever was appended, removed or changed."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from p2pd.domain.items import MAX_SEQNO, item_digest, summary_of
from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM, MessageId, RoomName
from p2pd.errors import StorageFullError
from p2pd.store import range_rows
from p2pd.store.message_store import RangeSum
from p2pd.store.range_rows import RANGE_ITEMS
from p2pd.store.rows import SEQNO_SHIFT
from p2pd.store.sqlite_store import FILE_NAME, SqliteStore, open_store
from tests.driver.disks import mounted_disk
from tests.p2pd.facts import NOW_NS
from tests.p2pd.store.stores import message_of

MANY = 8 * RANGE_ITEMS
_names = (RoomName(f"room {number}") for number in itertools.count())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqliteStore]:
    with open_store(tmp_path_factory.mktemp("ranges")) as opened:
        yield opened


def make(room: RoomName, seqno: int, author: int = 0) -> Message:
    message_id = MessageId(f"{author:04x}{seqno:016x}{room.encode().hex()}")
    return replace(message_of(0, room), seqno=seqno, message_id=message_id)


def sum_up(store: SqliteStore, room: RoomName) -> list[RangeSum]:
    """Go through all of a room as a reconciliation does when it begins."""
    found = [store.sum_range(room, 0, None)]
    while (upper := found[-1].upper) is not None:
        found.append(store.sum_range(room, upper, None))
    return found


def assert_right(store: SqliteStore, room: RoomName) -> None:
    items = [(one.seqno, item_digest(bytes.fromhex(one.message_id))) for one in store.items(room)]
    sealed = store.sealed_ranges(room)
    for before, after in itertools.pairwise(sealed):
        assert before.upper is not None
        assert before.upper <= after.lower
    for one in sealed:
        assert one.upper is not None
        inside = summary_of(item for item in items if one.lower <= item[0] < one.upper)
        assert (one.items, one.total) == (inside.count, inside.total)


stretches = st.tuples(st.integers(0, MANY), st.integers(0, 700), st.sampled_from([1, 3, 256]))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps=st.lists(st.tuples(stretches, st.integers(0, 300), st.booleans()), max_size=6))
def test_a_stored_sum_is_right_whatever_was_stored_and_removed(
    store: SqliteStore, steps: list[tuple[tuple[int, int, int], int, bool]]
) -> None:
    room = next(_names)
    for (begin, count, batch), dropped, is_summed in steps:
        messages = [make(room, NOW_NS + begin + number) for number in range(count)]
        for at in range(0, count, batch * 16):
            store.append(messages[at : at + batch * 16])
        keep = max(0, store.count(room) - dropped)
        store.drop_oldest(room, keep=keep, received_before_ns=0, at_most=dropped)
        if is_summed:
            total = sum(one.items for one in sum_up(store, room))
            assert total == store.count(room)
        assert_right(store, room)


def test_appending_leaves_little_to_sum_up(store: SqliteStore) -> None:
    room = next(_names)
    for number in range(MANY):
        store.append([make(room, NOW_NS + number)])
    assert MANY - sum(one.items for one in store.sealed_ranges(room)) < 2 * RANGE_ITEMS
    late = [make(room, NOW_NS + number, author=1) for number in range(MANY)]
    store.append(late)
    assert_right(store, room)
    sum_up(store, room)
    assert 2 * MANY - sum(one.items for one in store.sealed_ranges(room)) < 2 * RANGE_ITEMS


@pytest.mark.parametrize("size", [5, 200, RANGE_ITEMS + 1, 700])
def test_appending_in_batches_leaves_as_little(store: SqliteStore, size: int) -> None:
    room = next(_names)
    for begin in range(0, 3 * MANY, size):
        store.append([make(room, NOW_NS + begin + number) for number in range(size)])
        summed = sum(one.items for one in store.sealed_ranges(room))
        assert begin + size - summed < 2 * RANGE_ITEMS
    assert_right(store, room)


def test_a_failed_append_counts_nothing_as_sealed(tmp_path: Path) -> None:
    kept, failing = 2 * RANGE_ITEMS - 12, 30
    with mounted_disk(tmp_path, 16), open_store(tmp_path) as store:
        store.append([make(DEFAULT_ROOM, NOW_NS + number) for number in range(kept)])
        hog = tmp_path / "hog"
        with hog.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(4_096))
        large = [make(DEFAULT_ROOM, NOW_NS + kept + number) for number in range(failing)]
        with pytest.raises(StorageFullError):
            store.append([replace(one, data=b"x" * 1_000) for one in large])
        hog.unlink()
        for number in range(RANGE_ITEMS):
            store.append([make(DEFAULT_ROOM, NOW_NS + kept + number)])
            summed = sum(one.items for one in store.sealed_ranges(DEFAULT_ROOM))
            assert kept + number + 1 - summed < 2 * RANGE_ITEMS


@pytest.mark.parametrize("seqno", [0, NOW_NS, MAX_SEQNO])
def test_very_many_items_of_one_sequence_number_are_one_range(
    store: SqliteStore, seqno: int
) -> None:
    room = next(_names)
    store.append([make(room, seqno, author) for author in range(3 * RANGE_ITEMS)])
    assert sum(one.items for one in sum_up(store, room)) == 3 * RANGE_ITEMS
    assert_right(store, room)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM records WHERE offset % 300 = 7",
        "UPDATE records SET send_order = send_order + 1000 WHERE offset % 300 = 7",
        "UPDATE records SET kind = 9 WHERE offset % 300 = 7",
    ],
)
def test_a_change_by_another_program_removes_the_sums_over_it(
    tmp_path: Path, statement: str
) -> None:
    with open_store(tmp_path) as store:
        store.append([make(DEFAULT_ROOM, NOW_NS + number) for number in range(MANY)])
        before = len(store.sealed_ranges(DEFAULT_ROOM))
    change(tmp_path, statement)
    with open_store(tmp_path) as store:
        assert len(store.sealed_ranges(DEFAULT_ROOM)) < before
        assert_right(store, DEFAULT_ROOM)


def test_a_damaged_sum_is_left_out_and_made_anew(tmp_path: Path) -> None:
    sealed = fill(tmp_path)
    change(tmp_path, f"UPDATE item_ranges SET total = x'00' WHERE {_at(sealed[2])}")
    with open_store(tmp_path) as store:
        assert store.sealed_ranges(DEFAULT_ROOM) == [*sealed[:2], *sealed[3:]]
        assert sum_up(store, DEFAULT_ROOM)[: len(sealed)] == sealed


def test_a_wrong_sum_is_removed_once_it_is_looked_at(tmp_path: Path) -> None:
    sealed = fill(tmp_path)
    wrong = sealed[2]._replace(total=sealed[2].total + 1)
    forge(tmp_path, wrong)
    with open_store(tmp_path) as store:
        assert store.sealed_ranges(DEFAULT_ROOM)[2] == wrong
        assert store.verify_ranges(DEFAULT_ROOM, 0, wrong.lower)
        assert not store.verify_ranges(DEFAULT_ROOM, wrong.lower, wrong.lower + 1)
        assert store.sealed_ranges(DEFAULT_ROOM) == [*sealed[:2], *sealed[3:]]


def test_sums_over_more_than_a_room_has_are_all_removed(tmp_path: Path) -> None:
    sealed = fill(tmp_path)
    forge(tmp_path, sealed[2]._replace(items=2 * MANY))
    with open_store(tmp_path) as store:
        assert store.sealed_ranges(DEFAULT_ROOM) == ()
        assert sum_up(store, DEFAULT_ROOM)[: len(sealed)] == sealed


def fill(directory: Path) -> list[RangeSum]:
    with open_store(directory) as store:
        store.append([make(DEFAULT_ROOM, NOW_NS + number) for number in range(MANY)])
        return list(store.sealed_ranges(DEFAULT_ROOM))


def forge(directory: Path, wrong: RangeSum) -> None:
    """Store a sum that is wrong, with its checksum: as a mistake of this program would."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        range_rows.write_range(connection, 1, wrong)
        connection.commit()


def _at(one: RangeSum) -> str:
    return f"lower = {one.lower - SEQNO_SHIFT}"


def change(directory: Path, statement: str) -> None:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        connection.execute(statement)
        connection.commit()
