from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from p2pd.errors import StorageFullError
from p2pd.store.sqlite_store import open_store
from tests.driver.disks import mounted_disk
from tests.p2pd.store.stores import append, message_of, offsets

MANY = 1 << 22


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB of its own."""
    with mounted_disk(tmp_path, 2):
        yield tmp_path


def test_a_full_disk_refuses_keeps_what_it_has_and_recovers(small_disk: Path) -> None:
    hog = small_disk / "hog"
    hog.write_bytes(bytes(1 << 20))

    async def main() -> None:
        with open_store(small_disk) as store, trio.fail_after(60):
            kept = 0
            with pytest.raises(StorageFullError) as caught:
                while True:
                    store.append([message_of(kept + step, data=b"x" * 3000) for step in range(4)])
                    kept += 4
            assert caught.value.reason == "STORAGE_FULL"
            assert caught.value.retry_after_s > 0
            assert kept > 0
            assert store.last_offset == kept
            with pytest.raises(StorageFullError):
                store.append([message_of(100_000 + step, data=b"x" * 3000) for step in range(40)])
            assert offsets(store.read(0, MANY, MANY)) == list(range(1, kept + 1))
            await store.wait_durable(kept)
            hog.unlink()
            append(store, 7_000)
            await store.wait_durable(kept + 1)
        with open_store(small_disk) as store:
            assert store.storage.damages == ()
            assert offsets(store.read(0, MANY, MANY)) == list(range(1, kept + 2))

    trio.run(main)


def test_a_full_disk_at_the_start_is_told_and_tried_again(small_disk: Path) -> None:
    hog = small_disk / "hog"
    with pytest.raises(OSError, match="No space"):
        hog.write_bytes(bytes(4 << 20))
    with pytest.raises(StorageFullError), open_store(small_disk):
        pass
    hog.unlink()
    with open_store(small_disk) as store:
        assert store.storage.damages == ()
        append(store, 1)


def test_a_store_left_open_starts_on_a_full_disk(small_disk: Path) -> None:
    with open_store(small_disk) as store:
        append(store, *range(20))
    hog = small_disk / "hog"
    with pytest.raises(OSError, match="No space"):
        hog.write_bytes(bytes(4 << 20))
    hog.write_bytes(bytes(hog.stat().st_size - (256 << 10)))
    with open_store(small_disk) as store:
        assert len(store.read(0, MANY, MANY)) == 20
        assert store.storage.damages == ()
