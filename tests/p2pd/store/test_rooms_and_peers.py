from __future__ import annotations

import json
import sqlite3
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest
import trio

from p2pd.domain.names import DEFAULT_ROOM, RoomName
from p2pd.store import legacy_files
from p2pd.store.entry_store import EntryKind
from p2pd.store.peer_store import KnownPeers
from p2pd.store.room_store import RoomRecord
from p2pd.store.sqlite_store import FILE_NAME, SqliteStore, open_store
from tests.p2pd.store.stores import EVERYTHING, LOBBY, append

DEN = RoomName("den")
JOINED = RoomRecord(is_joined=True, floor_ns=7, joined_ns=70, sent_until=75, is_caught_up=True)
LEFT = RoomRecord(is_joined=False, floor_ns=7, joined_ns=70, sent_until=75)
PEERS = KnownPeers(("given 2", "given 1"), ("found 1",))
NOW_NS = 50


def rows_of(directory: Path) -> list[str]:
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        return [
            name for (name,) in connection.execute("SELECT room FROM conversations ORDER BY room")
        ]


def damage_in_use(directory: Path) -> None:
    with (directory / FILE_NAME).open("r+b") as file:
        content = file.read().replace(b"hello", b"hELlo")
        file.seek(0)
        file.write(content)


def empty_room(store: SqliteStore, room: RoomName) -> None:
    store.drop_oldest(room, keep=0, received_before_ns=0, at_most=EVERYTHING)


def test_rooms_and_known_peers_survive_a_restart(tmp_path: Path) -> None:
    with open_store(tmp_path, configured_rooms=[LOBBY]) as store:
        store.save_rooms({DEN: JOINED, LOBBY: LEFT})
        store.save_known_peers(PEERS)
        trio.run(store.wait_committed)
    with open_store(tmp_path, configured_rooms=[LOBBY]) as store:
        assert store.room_records() == {DEN: JOINED, LOBBY: LEFT}
        assert store.known_peers() == PEERS


def test_entries_survive_a_restart_and_a_file_that_is_damaged(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.save_entry(EntryKind.BLOCKED, "a", b"1")
        store.save_entry(EntryKind.BLOCKED, "b", b"2")
        store.save_entry(EntryKind.PETNAME, "a", b"Mum")
        store.save_entry(EntryKind.BLOCKED, "a", b"3")
        store.save_entry(EntryKind.PETNAME, "a", None)
        append(store, *range(100))
    with open_store(tmp_path) as store:
        assert list(store.entries(EntryKind.BLOCKED).items()) == [("b", b"2"), ("a", b"3")]
        assert store.entries(EntryKind.PETNAME) == {}
        damage_in_use(tmp_path)
        store.read(0, 100, 1 << 20)
        assert len(store.storage.damages) == 1
        assert store.entries(EntryKind.BLOCKED) == {"b": b"2", "a": b"3"}
    with open_store(tmp_path) as store:
        assert store.entries(EntryKind.BLOCKED) == {"b": b"2", "a": b"3"}


def test_names_joined_and_left_leave_nothing(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        for number in range(10_000):
            room = RoomName(f"room {number}")
            store.save_rooms({room: JOINED})
            store.save_rooms({room: LEFT})
        assert store.room_records() == {}
        assert store.conversations() == ()
    assert rows_of(tmp_path) == []
    assert (tmp_path / FILE_NAME).stat().st_size < 200_000


def test_a_room_left_goes_with_its_last_message(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        append(store, 1, 2, room=DEN)
        store.save_rooms({DEN: LEFT})
        assert store.room_records() == {DEN: LEFT}
        empty_room(store, DEN)
        assert store.room_records() == {}
        assert store.dropped_until(frozenset({DEN})) == 2
    assert rows_of(tmp_path) == []
    with open_store(tmp_path) as store:
        assert store.last_offset == 2
        assert store.dropped_until(frozenset()) == store.dropped_until(frozenset({DEN})) == 2
        append(store, 3, room=DEN)
        assert store.dropped_until(frozenset({DEN})) == 2


def test_a_joined_room_stays_without_messages_and_its_number_is_its_own(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.save_rooms({DEN: JOINED, LOBBY: JOINED})
        append(store, 1, room=DEN)
        append(store, 2, room=LOBBY)
        empty_room(store, LOBBY)
        assert store.room_records() == {DEN: JOINED, LOBBY: JOINED}
        assert store.dropped_until(frozenset({DEN})) == 0
        assert store.dropped_until(frozenset({LOBBY})) == 2


def test_a_room_left_that_the_settings_name_no_longer_goes_at_the_next_start(
    tmp_path: Path,
) -> None:
    with open_store(tmp_path, configured_rooms=[LOBBY]) as store:
        store.save_rooms({LOBBY: LEFT})
    with open_store(tmp_path, configured_rooms=[LOBBY]) as store:
        assert store.room_records() == {LOBBY: LEFT}
    with open_store(tmp_path) as store:
        assert store.room_records() == {}


def test_numbers_too_large_for_the_file_are_cut(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.save_rooms({DEN: RoomRecord(True, -5, 1 << 70, 1 << 64)})
    with open_store(tmp_path) as store:
        largest = (1 << 63) - 1
        assert store.room_records() == {DEN: RoomRecord(True, 0, largest, largest)}


def test_rooms_and_peers_outlive_a_file_that_is_damaged_while_in_use(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        append(store, *range(100))
    with open_store(tmp_path) as store:
        store.save_rooms({DEN: JOINED})
        store.save_known_peers(PEERS)
        damage_in_use(tmp_path)
        store.read(0, 100, 1 << 20)
        assert len(store.storage.damages) == 1
        assert (store.room_records(), store.known_peers()) == ({DEN: JOINED}, PEERS)
    with open_store(tmp_path) as store:
        assert (store.room_records(), store.known_peers()) == ({DEN: JOINED}, PEERS)


def test_rooms_and_peers_are_read_of_a_file_found_damaged_at_the_start(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        append(store, *range(100))
        store.save_rooms({DEN: JOINED})
        store.save_known_peers(PEERS)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("UPDATE meta SET value = 'none' WHERE name = 'epoch'")
        connection.commit()
    with open_store(tmp_path) as store:
        assert len(store.storage.damages) == 1
        assert (store.room_records(), store.known_peers()) == ({DEN: JOINED}, PEERS)


# Files of releases before


def write_legacy(directory: Path) -> None:
    entry = {"floor_ns": 3, "joined_ns": 30, "sent_until": 35, "is_caught_up": True}
    rooms = {"joined": {"den": entry}, "left": {"lobby": 25, "gone": 20}}
    (directory / "rooms.json").write_text(json.dumps(rooms))
    (directory / "peers.json").write_text(json.dumps({"given": ["a", "b"], "met": ["c"]}))


EXPECTED = {
    DEN: RoomRecord(True, 3, 30, 35, is_caught_up=True),
    LOBBY: RoomRecord(False, NOW_NS, NOW_NS, 25),
}


def open_importing(directory: Path) -> AbstractContextManager[SqliteStore]:
    return open_store(
        directory, configured_rooms=[LOBBY], import_files=True, clock_ns=lambda: NOW_NS
    )


def assert_imported(directory: Path) -> None:
    with open_importing(directory) as store:
        assert store.room_records() == EXPECTED
        assert store.known_peers() == KnownPeers(("a", "b"), ("c",))
    assert not list(directory.glob("*.json"))


def test_files_of_releases_before_are_imported_once_and_removed(tmp_path: Path) -> None:
    write_legacy(tmp_path)
    assert_imported(tmp_path)
    (tmp_path / "rooms.json").write_text('{"joined": {}, "left": {"den": 1}}')
    assert_imported(tmp_path)


@pytest.mark.parametrize("moment", ["inheritance_from_files", "remove_files"])
def test_a_kill_in_the_middle_of_the_import_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    write_legacy(tmp_path)
    killed = pytest.raises(KeyboardInterrupt)
    with monkeypatch.context() as patch, killed:
        patch.setattr(f"p2pd.store.succession.{moment}", _interrupt)
        with open_importing(tmp_path):
            pass
    assert (tmp_path / "rooms.json").exists()
    assert_imported(tmp_path)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"joined": 5}',
        '{"joined": {"a\\n": {}}}',
        '{"joined": {"den": 1}}',
        '{"joined": {"den": {"floor_ns": "x", "is_caught_up": 1}}, "left": 7}',
        '{"joined": {"den": {"floor_ns": 1e999, "is_caught_up": 1}}, "given": {}, "met": [1]}',
    ],
)
def test_a_malformed_file_is_passed_over(tmp_path: Path, content: str) -> None:
    for name in (legacy_files.ROOMS, legacy_files.PEERS):
        (tmp_path / name).write_text(content)
    with open_importing(tmp_path) as store:
        assert store.room_records() == {}
        assert store.known_peers() == KnownPeers()
    assert not list(tmp_path.glob("*.json"))


def test_the_oldest_files_name_rooms_only(tmp_path: Path) -> None:
    content = '{"joined": {"den": {"floor_ns": 3, "is_caught_up": true}}, "left": ["lobby"]}'
    (tmp_path / "rooms.json").write_text(content)
    with open_importing(tmp_path) as store:
        assert store.room_records() == {
            DEN: RoomRecord(True, 3, NOW_NS, NOW_NS, is_caught_up=True),
            LOBBY: RoomRecord(False, NOW_NS, NOW_NS, NOW_NS),
        }
        assert DEFAULT_ROOM not in store.room_records()
