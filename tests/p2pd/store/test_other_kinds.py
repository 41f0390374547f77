"""A store in which a later release has put records that this one does not know."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from p2pd.domain.events import Gap
from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM
from p2pd.store.sqlite_store import FILE_NAME, open_store
from tests.p2pd.store.stores import LOBBY, BoundedLog, append, offsets

MANY = 1 << 20
OTHERS = (1, 4, 5, 8)


def make(directory: Path) -> None:
    """Make eight records, four of them of another kind, two after one that was dropped."""
    with open_store(directory) as store:
        append(store, *range(1, 9))
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        for offset in OTHERS:
            connection.execute("UPDATE records SET kind = 9 WHERE offset = ?", (offset,))
        connection.commit()


def test_records_of_another_kind_are_passed_over_and_stay(tmp_path: Path) -> None:
    make(tmp_path)
    for _ in range(2):
        with open_store(tmp_path) as store:
            assert store.storage.damages == ()
            assert (store.first_offset, store.last_offset) == (1, 8)
            assert offsets(store.read(0, 8, MANY)) == [2, 3, 6, 7]
            assert offsets(store.page_before(DEFAULT_ROOM, 9, 10, MANY).messages) == [2, 3, 6, 7]
            assert offsets(store.page_after(DEFAULT_ROOM, 0, 10, MANY).messages) == [2, 3, 6, 7]
            assert store.count_others(0, 8) == len(OTHERS)


def test_a_reader_takes_them_for_no_hole(tmp_path: Path) -> None:
    make(tmp_path)
    with open_store(tmp_path) as store:
        append(store, 9, room=LOBBY)
        append(store, 10)
        store.drop_oldest(LOBBY, keep=0, received_before_ns=0, at_most=9)
        log = BoundedLog(store)
        bodies = [entry.event.body for entry in log.open_reader(log.cursor(0)).read(MANY)]
        assert sum(isinstance(body, Message) for body in bodies) == 5
        assert [body.missing for body in bodies if isinstance(body, Gap)] == [1]
