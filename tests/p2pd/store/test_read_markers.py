"""Read markers over restarts, bounds and conversations that leave the store."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from p2pd.domain.conversations import ReaderName
from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM, RoomName
from p2pd.store import schema
from p2pd.store.message_store import MessageStore
from p2pd.store.read_state_store import MAX_MARKERS, MAX_READERS
from p2pd.store.room_store import RoomRecord
from p2pd.store.sqlite_store import FILE_NAME, open_store
from tests.p2pd.store.stores import EVERYTHING, KINDS, LOBBY, Kind, append, open_kind

ME, YOU = ReaderName("me"), ReaderName("you")
NOBODY = b"nobody"


@pytest.fixture(params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[MessageStore]:
    kind: Kind = request.param
    with open_kind(kind) as opened:
        yield opened


def test_each_reader_has_a_marker_of_its_own_and_it_may_go_back(store: MessageStore) -> None:
    append(store, 1, 2, 3)
    append(store, 4, room=LOBBY)
    markers = store.read_state
    markers.save_marker(ME, DEFAULT_ROOM, 3)
    markers.save_marker(YOU, LOBBY, 4)
    markers.save_marker(ME, DEFAULT_ROOM, 1)
    assert dict(markers.markers(ME)) == {DEFAULT_ROOM: 1}
    assert dict(markers.markers(YOU)) == {LOBBY: 4}


def test_the_reader_that_marked_longest_ago_makes_room_and_is_counted(
    store: MessageStore,
) -> None:
    append(store, 1)
    readers = [ReaderName(f"reader {number}") for number in range(MAX_READERS)]
    for reader in readers:
        store.read_state.save_marker(reader, DEFAULT_ROOM, 1)
    store.read_state.save_marker(readers[0], DEFAULT_ROOM, 0)
    assert store.read_state.evicted_readers == 0
    store.read_state.save_marker(ME, DEFAULT_ROOM, 1)
    assert store.read_state.evicted_readers == 1
    assert not store.read_state.markers(readers[1])
    assert dict(store.read_state.markers(readers[0])) == {DEFAULT_ROOM: 0}


def test_the_marker_set_longest_ago_makes_room(tmp_path: Path) -> None:
    rooms = [RoomName(f"room {number}") for number in range(MAX_MARKERS + 1)]
    with open_store(tmp_path) as store:
        store.save_rooms({room: RoomRecord(True, 0, 0, 0) for room in rooms})
        for room in rooms:
            store.read_state.save_marker(ME, room, 0)
        assert set(store.read_state.markers(ME)) == set(rooms[1:])
    with open_store(tmp_path) as store:
        assert set(store.read_state.markers(ME)) == set(rooms[1:])


def test_markers_survive_a_restart_in_the_order_in_which_they_are_evicted(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        append(store, 1, 2)
        store.read_state.save_marker(ME, DEFAULT_ROOM, 2)
        store.read_state.save_marker(YOU, DEFAULT_ROOM, 1)
        store.read_state.save_marker(ME, DEFAULT_ROOM, 1)
    with open_store(tmp_path) as store:
        assert dict(store.read_state.markers(ME)) == {DEFAULT_ROOM: 1}
        for number in range(MAX_READERS - 1):
            store.read_state.save_marker(ReaderName(f"{number}"), DEFAULT_ROOM, 1)
        assert not store.read_state.markers(YOU)
        assert store.read_state.markers(ME)


def test_a_marker_leaves_the_file_with_its_conversation(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        append(store, 1)
        store.read_state.save_marker(ME, DEFAULT_ROOM, 1)
        store.drop_oldest(DEFAULT_ROOM, keep=0, received_before_ns=0, at_most=EVERYTHING)
        append(store, 2, room=LOBBY)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        assert connection.execute("SELECT * FROM read_markers").fetchall() == []
    with open_store(tmp_path) as store:
        assert not store.read_state.markers(ME)


def test_a_marker_never_lies_behind_the_end_of_the_log(tmp_path: Path) -> None:
    """As after a power cut that took the newest messages: their offsets come again."""
    with open_store(tmp_path) as store:
        append(store, 1, 2, 3)
        store.read_state.save_marker(ME, DEFAULT_ROOM, 3)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection, connection:
        connection.execute("DROP TRIGGER record_dropped")
        connection.execute("DELETE FROM records WHERE offset > 1")
        connection.execute("UPDATE conversations SET records = 1, messages = 1")
    with open_store(tmp_path) as store:
        assert dict(store.read_state.markers(ME)) == {DEFAULT_ROOM: 1}
        append(store, 4, 5)
    with open_store(tmp_path) as store:
        assert dict(store.read_state.markers(ME)) == {DEFAULT_ROOM: 1}


def test_offsets_are_those_of_others_and_of_mentions(tmp_path: Path) -> None:
    def is_mention(message: Message) -> bool:
        return message.message_id.endswith("2")

    with open_store(tmp_path, is_mention=is_mention) as store:
        append(store, 1, 2, 3)
        append(store, 18, room=LOBBY)
    with open_store(tmp_path, is_mention=is_mention) as store:
        found = store.read_state.stored_offsets(DEFAULT_ROOM, NOBODY, 3)
        assert (list(found.others), list(found.mentions), found.newest) == ([1, 2, 3], [2], 3)
        up_to_one = store.read_state.stored_offsets(DEFAULT_ROOM, NOBODY, 1)
        assert (list(up_to_one.others), list(up_to_one.mentions)) == ([1], [])
        elsewhere = store.read_state.stored_offsets(LOBBY, NOBODY, 4)
        assert (list(elsewhere.others), list(elsewhere.mentions)) == ([4], [4])
        nowhere = store.read_state.stored_offsets(RoomName("nowhere"), NOBODY, 4)
        assert (list(nowhere.others), nowhere.newest) == ([], 0)


def test_a_store_of_the_version_before_has_markers_from_then_on(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        for step in schema.MIGRATIONS[: schema.MIGRATIONS.index(schema.add_read_state)]:
            connection.execute("BEGIN")
            step(connection)
            connection.execute("COMMIT")
        version = schema.MIGRATIONS.index(schema.add_read_state)
        connection.execute(f"PRAGMA user_version = {version}")
        connection.execute("INSERT INTO conversations (conversation, room) VALUES (1, 'chat-room')")
    with open_store(tmp_path, is_mention=lambda _: True) as store:
        append(store, 1)
        store.read_state.save_marker(ME, DEFAULT_ROOM, 1)
        assert list(store.read_state.stored_offsets(DEFAULT_ROOM, NOBODY, 1).mentions) == [1]
