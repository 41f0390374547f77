from __future__ import annotations

import sqlite3
import struct
from contextlib import closing
from pathlib import Path

import pytest

from p2pd.domain.messages import Delivery
from p2pd.domain.names import DEFAULT_ROOM, MessageId
from p2pd.store import schema
from p2pd.store.errors import NewerStoreError
from p2pd.store.message_store import OrderKey, StoredAnswer
from p2pd.store.sqlite_store import FILE_NAME, open_store
from tests.p2pd.store.stores import LOBBY, append

VERSION_1 = Path(__file__).with_name("version_1.sql")
MANY = 1 << 20
BASE_SEQNO = 1_750_000_000_000_000_000


def make_version_1(directory: Path) -> None:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        connection.executescript(VERSION_1.read_text(encoding="utf-8"))


def schema_of(path: Path) -> tuple[int, list[tuple[str, str]]]:
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name, sql FROM sqlite_schema ORDER BY name").fetchall()
        return schema.version_of(connection), [
            (name, " ".join((sql or "").split())) for name, sql in tables
        ]


def test_the_first_version_becomes_the_newest_with_all_it_held(tmp_path: Path) -> None:
    make_version_1(tmp_path)
    with open_store(tmp_path) as store:
        assert store.storage.damages == ()
        assert (store.epoch, store.first_offset, store.last_offset) == ("0badcafe", 2, 4)
        facts = [
            (one.offset, one.message.room, one.message.data, one.message.seqno)
            for one in store.read(0, 9, MANY)
        ]
        assert facts == [
            (2, DEFAULT_ROOM, b"hello", BASE_SEQNO + 2),
            (3, LOBBY, b"you", BASE_SEQNO + 3),
            (4, DEFAULT_ROOM, b"hi", (1 << 64) - 1),
        ]
        third = store.read(2, 3, MANY)[0].message
        assert (third.forwarder_id, third.delivery) == ("forwarder", Delivery.BACKFILLED)
        assert (store.count(DEFAULT_ROOM), store.count(LOBBY)) == (2, 1)
        assert store.dropped_until(frozenset({DEFAULT_ROOM})) == 1
        first_id = MessageId(third.message_id.replace("3", "2"))
        assert store.answer_of("mine") == StoredAnswer(first_id, 2, DEFAULT_ROOM, b"hello")
        assert store.answer_of("mine", "another caller") is None
        assert [item.seqno for item in store.items(DEFAULT_ROOM)] == [
            BASE_SEQNO + 2,
            (1 << 64) - 1,
        ]
        assert isinstance(next(store.items(LOBBY)), OrderKey)
        append(store, 5)
        assert store.last_offset == 5


def test_an_old_file_ends_up_like_a_new_one(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    make_version_1(old)
    for directory in (old, new):
        with open_store(directory) as store:
            append(store, 5)
    assert schema_of(old / FILE_NAME) == schema_of(new / FILE_NAME)
    assert schema_of(new / FILE_NAME)[0] == len(schema.MIGRATIONS)


def test_a_step_that_fails_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_version_1(tmp_path)
    before = schema_of(tmp_path / FILE_NAME)

    def fail_half_way(connection: sqlite3.Connection) -> None:
        schema.add_checksum(connection)
        raise KeyboardInterrupt

    monkeypatch.setattr(schema, "MIGRATIONS", (schema.create, fail_half_way))
    with pytest.raises(KeyboardInterrupt), open_store(tmp_path):
        pass
    assert schema_of(tmp_path / FILE_NAME) == before


def test_a_file_whose_making_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    header = bytes.fromhex("d9d505f920a163d7") + struct.pack(">IIIII", 0, 1, 0, 512, 4096)
    (tmp_path / f"{FILE_NAME}-journal").write_bytes(header.ljust(512, b"\0"))
    with open_store(tmp_path) as store:
        append(store, 1)
    with open_store(tmp_path) as store:
        assert store.count(DEFAULT_ROOM) == 1


def test_a_newer_file_is_refused_and_not_touched(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        append(store, 1)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 99")
    before = (tmp_path / FILE_NAME).read_bytes()
    with pytest.raises(NewerStoreError, match="schema version 99") as caught, open_store(tmp_path):
        pass
    assert "\n" not in str(caught.value)
    assert (tmp_path / FILE_NAME).read_bytes() == before
    assert not list(tmp_path.glob("*.damaged-*"))
