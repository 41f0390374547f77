"""A salvage that is interrupted at any moment goes on where it was."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

import pytest
import trio
import trio.testing

from p2pd.domain.messages import Message
from p2pd.domain.state import State
from p2pd.log.log import Log
from p2pd.node.recovery import salvage_all
from p2pd.store import damage, succession
from p2pd.store.sqlite_store import FILE_NAME, SqliteStore, open_store
from p2pd.store.store_file import StoreFile
from tests.driver.disks import mounted_disk
from tests.p2pd.facts import make_node
from tests.p2pd.store.stores import message_of

COUNT = 500


class Killed(BaseException):
    """The process ends here."""


def fill(directory: Path, first: int = 0, count: int = COUNT) -> list[Message]:
    messages = [
        message_of(number, data=b"text %d" % number) for number in range(first, first + count)
    ]
    with open_store(directory) as store:
        store.append(messages)
    return messages


def damage_file(directory: Path) -> None:
    """Make a file that cannot be used, though each of its messages can be read."""
    with closing(sqlite3.connect(directory / FILE_NAME)) as connection:
        connection.execute("UPDATE meta SET value = 'none' WHERE name = 'epoch'")
        connection.commit()


def salvage_in(store: SqliteStore) -> None:
    log = Log(store, State(make_node(), {}))
    clock = trio.testing.MockClock(autojump_threshold=0.05)
    trio.run(salvage_all, log, store, lambda _: None, clock=clock)


def stored_in(store: SqliteStore) -> list[Message]:
    return [one.message for one in store.read(0, 1 << 40, 1 << 30)]


def assert_salvaged(directory: Path, messages: list[Message]) -> None:
    with open_store(directory) as store:
        salvage_in(store)
        assert stored_in(store) == messages
        assert store.unread_quarantined() == {}
    with open_store(directory) as store:
        assert store.unread_quarantined() == {}
        assert stored_in(store) == messages


@contextmanager
def killed_at(target: object, name: str, nth: int) -> Iterator[None]:
    """Kill the process when a function is about to be called for the nth time."""
    calls = 0
    original: Callable[..., object] = getattr(target, name)

    def count(*args: object, **named: object) -> object:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise Killed
        return original(*args, **named)

    with mock.patch.object(target, name, count), pytest.raises(BaseException) as caught:
        yield
    assert isinstance(caught.value, Killed) or (
        isinstance(caught.value, BaseExceptionGroup) and caught.group_contains(Killed)
    )


@pytest.mark.parametrize(
    ("name", "nth"),
    [("append", 1), ("append", 2), ("append", 8), ("save_quarantined", 1), ("save_quarantined", 9)],
)
def test_a_kill_in_a_salvage_loses_nothing(tmp_path: Path, name: str, nth: int) -> None:
    messages = fill(tmp_path)
    damage_file(tmp_path)
    with killed_at(SqliteStore, name, nth), open_store(tmp_path) as store:
        salvage_in(store)
    assert_salvaged(tmp_path, messages)


@pytest.mark.parametrize(
    ("target", "name", "nth"),
    [
        (succession, "quarantine", 1),
        (damage, "sync_directory", 1),
        (succession, "StoreFile", 2),
        (succession, "inheritance_of", 1),
        (StoreFile, "inherit", 1),
    ],
)
def test_a_kill_while_a_file_is_quarantined_loses_nothing(
    tmp_path: Path, target: object, name: str, nth: int
) -> None:
    messages = fill(tmp_path)
    damage_file(tmp_path)
    with killed_at(target, name, nth), open_store(tmp_path):
        pass
    assert_salvaged(tmp_path, messages)


def test_a_kill_between_the_files_of_a_quarantine_loses_nothing(tmp_path: Path) -> None:
    fill(tmp_path)
    path = tmp_path / FILE_NAME
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE meta SET value = 'none' WHERE name = 'epoch'")
        connection.commit()
        for companion in ("", "-wal"):
            content = (tmp_path / f"{FILE_NAME}{companion}").read_bytes()
            (tmp_path / f"copy{companion}").write_bytes(content)
    path.unlink()
    messages = fill(tmp_path)
    path.unlink()
    (tmp_path / "copy").rename(tmp_path / f"{FILE_NAME}.damaged-20260101T000000Z")
    (tmp_path / "copy-wal").rename(tmp_path / f"{FILE_NAME}-wal")
    assert_salvaged(tmp_path, messages)


def test_several_damaged_files_are_all_read(tmp_path: Path) -> None:
    messages = []
    for turn in range(3):
        messages += fill(tmp_path, first=turn * 1000, count=100)
        damage_file(tmp_path)
    with open_store(tmp_path) as store:
        assert len(store.unread_quarantined()) == 3
        salvage_in(store)
        assert set(stored_in(store)) == set(messages)
    with open_store(tmp_path) as store:
        assert store.unread_quarantined() == {}


def test_a_full_disk_in_the_middle_pauses_a_salvage(tmp_path: Path) -> None:
    with mounted_disk(tmp_path, 4):
        messages = fill(tmp_path)
        damage_file(tmp_path)
        hog = tmp_path / "hog"
        calls = 0

        def fill_disk(store: SqliteStore, path: Path, read_until: int | None) -> None:
            nonlocal calls
            calls += 1
            if calls == 3:
                with pytest.raises(OSError, match="No space"):
                    hog.write_bytes(bytes(8 << 20))
            original(store, path, read_until)

        async def free_disk() -> None:
            await trio.sleep(30)
            hog.unlink()

        async def main(store: SqliteStore) -> None:
            log = Log(store, State(make_node(), {}))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(free_disk)
                await salvage_all(log, store, lambda _: None)

        original = SqliteStore.save_quarantined
        with (
            open_store(tmp_path) as store,
            mock.patch.object(SqliteStore, "save_quarantined", fill_disk),
        ):
            trio.run(main, store, clock=trio.testing.MockClock(autojump_threshold=0.05))
            assert stored_in(store) == messages
            assert store.unread_quarantined() == {}


def test_files_read_before_an_update_do_not_bring_back_what_retention_removed(
    tmp_path: Path,
) -> None:
    fill(tmp_path, count=10)
    damage_file(tmp_path)
    with open_store(tmp_path) as store:
        salvage_in(store)
        store.drop_oldest(message_of(0).room, keep=5, received_before_ns=0, at_most=5)
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as connection:
        connection.execute("DELETE FROM meta WHERE name = 'complete'")
        connection.execute("DELETE FROM quarantined_files")
        connection.commit()
    with open_store(tmp_path) as store:
        assert store.unread_quarantined() == {}


@pytest.mark.parametrize("seed", range(3))
def test_kills_at_random_moments_lose_nothing(tmp_path: Path, seed: int) -> None:
    messages = fill(tmp_path)
    damage_file(tmp_path)
    chance = random.Random(seed)
    moments: Mapping[str, int] = {"append": 4, "save_quarantined": 4}
    for _ in range(3):
        name = chance.choice(list(moments))
        with killed_at(SqliteStore, name, chance.randint(1, 2)), open_store(tmp_path) as store:
            salvage_in(store)
    assert_salvaged(tmp_path, messages)
