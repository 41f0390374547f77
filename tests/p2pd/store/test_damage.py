from __future__ import annotations

import random
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trio

from p2pd.domain.events import CaughtUp, Gap, GapReason, Snapshot
from p2pd.domain.messages import Message
from p2pd.domain.names import DEFAULT_ROOM
from p2pd.domain.storage import Damage
from p2pd.errors import StorageFailedError
from p2pd.store.sqlite_store import FILE_NAME, SqliteStore, open_store
from tests.p2pd.store.stores import BoundedLog, append, message_of, offsets

MANY = 1 << 20
COUNT = 400
PAGE = 4096


def fill(directory: Path, count: int = COUNT) -> str:
    """Make a store of some messages, closed in order; return its epoch."""
    with open_store(directory) as store:
        store.append([message_of(number, data=b"findme %d" % number) for number in range(count)])
        return store.epoch


def spoil(directory: Path, change: Callable[[bytearray], None]) -> None:
    """Change bytes of a file that is open elsewhere or not; its inode stays."""
    with (directory / FILE_NAME).open("r+b") as file:
        content = bytearray(file.read())
        change(content)
        file.seek(0)
        file.truncate(len(content))
        file.write(content)


def no_header(content: bytearray) -> None:
    content[:16] = b"not a database.."


def zero_pages(content: bytearray) -> None:
    content[PAGE:] = bytes(len(content) - PAGE)


def cut_in_half(content: bytearray) -> None:
    del content[len(content) // 2 :]


def alter(number: int) -> Callable[[bytearray], None]:
    """Change one message wherever it lies: splits leave old copies in free space."""

    def change(content: bytearray) -> None:
        content[:] = content.replace(b"findme %d*" % number, b"finDme %d*" % number)

    return change


def aside(directory: Path) -> list[Path]:
    return sorted(directory.glob(f"{FILE_NAME}.damaged-*Z"))


@pytest.mark.parametrize("change", [no_header, zero_pages, cut_in_half])
def test_a_damaged_file_is_set_aside_at_the_start_and_told(
    tmp_path: Path, change: Callable[[bytearray], None]
) -> None:
    epoch = fill(tmp_path)
    spoil(tmp_path, change)
    damaged = (tmp_path / FILE_NAME).read_bytes()
    told: list[Damage] = []
    with open_store(tmp_path, on_damage=told.append) as store:
        assert store.epoch != epoch
        assert store.last_offset == 0
        assert store.storage.damages == tuple(told)
        assert [damage.path for damage in told] == list(map(str, aside(tmp_path)))
        append(store, 1)
    assert aside(tmp_path)[0].read_bytes() == damaged
    with open_store(tmp_path) as store:
        assert (store.last_offset, store.storage.damages) == (1, ())


def test_a_foreign_database_is_not_written_to(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / FILE_NAME)
    connection.execute("CREATE TABLE bookmarks (url)")
    connection.commit()
    connection.close()
    with open_store(tmp_path) as store:
        assert store.storage.damages[0].reason == "it is not a message store"
        append(store, 1)


def test_a_changed_byte_in_a_message_is_never_told_as_the_message(tmp_path: Path) -> None:
    epoch = fill(tmp_path)

    spoil(tmp_path, alter(200))
    with open_store(tmp_path) as store:
        assert store.epoch == epoch
        log = BoundedLog(store)
        reader = log.open_reader(log.cursor(0))
        told = [entry.event.body for entry in reader.read(MANY)]
        texts = [body.data for body in told if isinstance(body, Message)]
        assert all(text.startswith(b"findme ") for text in texts)
        assert [body for body in told if isinstance(body, Gap)] == [
            Gap(GapReason.UNKNOWN_CURSOR, 0)
        ]
        assert store.epoch != epoch
        assert len(aside(tmp_path)) == 1


def test_a_reader_that_was_behind_hears_what_comes_after(tmp_path: Path) -> None:
    fill(tmp_path)
    spoil(tmp_path, alter(350))
    with open_store(tmp_path) as store:
        log = BoundedLog(store)
        reader = log.open_reader(log.cursor(COUNT - 1))
        assert store.page_before(DEFAULT_ROOM, COUNT + 1, 100).messages == ()
        log.append([message_of(1000)])
        entries = reader.read(MANY)
        assert [entry.offset for entry in entries if isinstance(entry.event.body, Message)] == [
            COUNT + 1
        ]
        assert Gap(GapReason.UNKNOWN_CURSOR, 0) in [entry.event.body for entry in entries]
        resumed = log.open_reader(entries[-1].event.cursor).read(MANY)
        assert [type(entry.event.body) for entry in resumed] == [Snapshot, CaughtUp]


def test_a_publish_whose_file_is_lost_is_not_acknowledged(tmp_path: Path) -> None:
    fill(tmp_path)
    spoil(tmp_path, alter(10))

    async def main() -> None:
        with open_store(tmp_path) as store, trio.fail_after(30):
            append(store, 1000)
            store.read(0, COUNT, MANY)
            with pytest.raises(StorageFailedError, match="damaged"):
                await store.wait_durable(COUNT + 1)
            append(store, 1001)
            await store.wait_durable(COUNT + 2)

    trio.run(main)


def test_many_threads_that_find_damage_replace_the_file_once(tmp_path: Path) -> None:
    fill(tmp_path)
    spoil(tmp_path, alter(395))
    with open_store(tmp_path) as store:
        threads = [
            threading.Thread(target=store.page_before, args=(DEFAULT_ROOM, COUNT + 1, 10))
            for _ in range(8)
        ]
        for thread in threads:
            thread.start()
        append(store, *range(1000, 1050))
        for thread in threads:
            thread.join(30)
        assert len(aside(tmp_path)) == 1
        last = store.last_offset
        assert last == COUNT + 50
        assert offsets(store.read(0, last, MANY)) == list(range(store.first_offset, last + 1))


@pytest.mark.parametrize("seed", range(30))
def test_flipped_bytes_anywhere_never_stop_the_node_or_change_a_message(
    tmp_path: Path, seed: int
) -> None:
    fill(tmp_path)
    chance = random.Random(seed)

    def flip(content: bytearray) -> None:
        for _ in range(20):
            content[chance.randrange(len(content))] ^= chance.randrange(1, 256)

    spoil(tmp_path, flip)
    with open_store(tmp_path) as store:
        read_count = use(store)
        assert store.storage.damages or read_count == COUNT + 1
    with open_store(tmp_path) as store:
        use(store)


def use(store: SqliteStore) -> int:
    """Do everything that a node does; return how many messages could be read."""
    append(store, store.last_offset + 1000, store.last_offset + 1001)
    place = read_count = 0
    while batch := store.read(place, store.last_offset, 1 << 14):
        place = batch[-1].offset
        read_count += len(batch)
        for one in batch:
            number = int(one.message.message_id, 16)
            assert one.message.data in {b"findme %d" % number, b"hello"}
    for _ in store.items(DEFAULT_ROOM):
        pass
    for page in (
        store.page_before(DEFAULT_ROOM, store.last_offset + 1, 50),
        store.page_after(DEFAULT_ROOM, 0, 50),
    ):
        assert len(page.messages) <= 50
    store.answer_of("x")
    store.drop_oldest(DEFAULT_ROOM, keep=100, received_before_ns=0, at_most=64)
    return read_count
