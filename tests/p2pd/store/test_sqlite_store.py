from __future__ import annotations

import itertools
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from p2pd.domain.names import DEFAULT_ROOM
from p2pd.store import connections, meta, store_file
from p2pd.store.connections import WAL_KEPT_BYTES
from p2pd.store.errors import StoreInUseError
from p2pd.store.message_store import StoredAnswer
from p2pd.store.sqlite_store import FILE_NAME, SqliteStore, open_store
from tests.driver.waiting import wait_until
from tests.p2pd.store.stores import EVERYTHING, LOBBY, append, message_of, offsets

MANY = 1 << 20
ROOT = Path(__file__).parents[3]


def leave_open(directory: Path, count: int) -> None:
    """Append in a process that is killed before it can close the store."""
    module = ["-m", "tests.p2pd.log.appender", str(directory), "1", str(count)]
    child = subprocess.run(
        [sys.executable, *module], stdout=subprocess.DEVNULL, cwd=ROOT, check=False
    )
    assert child.returncode == -signal.SIGKILL


def wal_of(directory: Path) -> Path:
    return directory / f"{FILE_NAME}-wal"


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.append([message_of(1, client_message_id="a"), message_of(2, LOBBY)])
        before = (store.epoch, store.first_offset, store.last_offset, store.read(0, 9, MANY))
    assert sorted(path.name for path in tmp_path.iterdir()) == [FILE_NAME, "messages.lock"]
    with open_store(tmp_path) as store:
        after = (store.epoch, store.first_offset, store.last_offset, store.read(0, 9, MANY))
        assert after == before
        assert (store.count(DEFAULT_ROOM), store.count(LOBBY)) == (1, 1)
        assert store.answer_of("a") == StoredAnswer(
            message_of(1).message_id, 1, DEFAULT_ROOM, b"hello"
        )
        assert store.append([message_of(1)]) == ()
        assert offsets(store.append([message_of(3)])) == [3]


def test_offsets_never_go_back_even_when_everything_was_dropped(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        append(store, 1, 2, 3)
        append(store, 4, room=LOBBY)
        store.drop_oldest(DEFAULT_ROOM, keep=0, received_before_ns=0, at_most=EVERYTHING)
    with open_store(tmp_path) as store:
        assert (store.first_offset, store.last_offset) == (4, 4)
        assert store.dropped_until(frozenset({DEFAULT_ROOM})) == 3
        assert store.dropped_until(frozenset({LOBBY})) == 0


def test_a_new_directory_is_a_new_log(tmp_path: Path) -> None:
    with open_store(tmp_path / "a") as one, open_store(tmp_path / "b") as other:
        assert one.epoch != other.epoch


def test_what_a_killed_process_committed_is_there(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        epoch = store.epoch
    leave_open(tmp_path, 1)
    with open_store(tmp_path) as store:
        assert offsets(store.read(0, 9, MANY)) == [1, 2, 3, 4]
        assert store.epoch == epoch
        assert store.storage.damages == ()


def test_after_the_machine_went_down_old_cursors_are_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_store(tmp_path) as store:
        epoch = store.epoch
    leave_open(tmp_path, 1)
    monkeypatch.setattr(meta, "_BOOT_ID", Path("/proc/version"))
    with open_store(tmp_path) as store:
        rebooted = store.epoch
        assert rebooted != epoch
        assert store.last_offset == 4
    with open_store(tmp_path) as store:
        assert store.epoch == rebooted


def test_a_log_whose_end_cannot_be_read_is_told_and_old_cursors_are_unknown(
    tmp_path: Path,
) -> None:
    with open_store(tmp_path) as store:
        epoch = store.epoch
    leave_open(tmp_path, 10)
    wal = wal_of(tmp_path)
    content = bytearray(wal.read_bytes())
    content[len(content) // 2] ^= 0x55
    wal.write_bytes(content)
    with open_store(tmp_path) as store:
        assert 0 < store.last_offset < 40
        assert store.epoch != epoch
        assert [damage.reason for damage in store.storage.damages] == [
            "the newest messages could not be read"
        ]


def test_the_file_is_private(tmp_path: Path) -> None:
    with open_store(tmp_path / "data") as store:
        append(store, 1)
        for path in (tmp_path / "data").iterdir():
            assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_one_process_a_directory(tmp_path: Path) -> None:
    in_use = pytest.raises(StoreInUseError, match="in use by another node")
    with open_store(tmp_path), in_use, open_store(tmp_path):
        pass
    with open_store(tmp_path):
        pass


def test_the_content_is_kept_once(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        store.append([message_of(1, data=b"findme" * 5)])
    assert (tmp_path / FILE_NAME).read_bytes().count(b"findme" * 5) == 1


def test_readers_in_many_threads_see_whole_appends(tmp_path: Path) -> None:
    seen: list[str] = []

    def follow(store: SqliteStore) -> None:
        place = 0
        while place < 600:
            batch = offsets(store.read(place, store.last_offset, 100))
            if batch != list(range(place + 1, place + 1 + len(batch))):
                seen.append(f"after {place}: {batch}")
                return
            place += len(batch)

    with open_store(tmp_path) as store:
        threads = [threading.Thread(target=follow, args=(store,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        for number in range(0, 600, 3):
            store.append([message_of(number + step) for step in range(3)])
        for thread in threads:
            thread.join(60)
    assert seen == []


def test_the_write_ahead_log_stays_bounded(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        for start in range(0, 6000, 100):
            store.append([message_of(start + step, data=b"x" * 1000) for step in range(100)])
        append(store, 7000)
        # A copy taken in the middle of a checkpoint makes no sense.
        wait_until(lambda: checkpointed(tmp_path), bool, ignoring=(sqlite3.DatabaseError,))
        append(store, 7001)
        assert wal_of(tmp_path).stat().st_size <= WAL_KEPT_BYTES


def checkpointed(directory: Path) -> bool:
    """Tell whether the last message is in the file itself, without its log."""
    copy = directory / "copy.db"
    # Not by this process: closing the file would let go of SQLite's locks on it.
    subprocess.run(["cp", directory / FILE_NAME, copy], check=True)
    connection = sqlite3.connect(f"{copy.as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        (last,) = connection.execute("SELECT max(offset) FROM records").fetchone()
    finally:
        connection.close()
    return bool(last == 6001)


def test_opening_does_not_read_every_message(tmp_path: Path) -> None:
    steps: list[int] = []
    for count in (100, 4_000):
        directory = tmp_path / str(count)
        with open_store(directory) as store:
            append(store, *range(count))
        steps.append(steps_of_opening(directory))
    few, many = steps
    assert many <= few + 20


def steps_of_opening(directory: Path) -> int:
    """Open a store and close it; return how many times 100 steps of SQLite's machine it took."""
    counted = itertools.count()

    def open_counting(path: Path) -> sqlite3.Connection:
        connection = connections.open_writer(path)
        connection.set_progress_handler(lambda: next(counted) < 0, 100)
        return connection

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store_file, "open_writer", open_counting)
        with open_store(directory):
            pass
    return next(counted)
