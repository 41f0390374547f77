from __future__ import annotations

import stat
from pathlib import Path

import pytest

from p2pd.domain.names import RoomName
from p2pd.store.backup import back_up
from p2pd.store.errors import BackupError
from p2pd.store.room_store import RoomRecord
from p2pd.store.sqlite_store import FILE_NAME, open_store
from tests.p2pd.store.stores import append

DEN = RoomName("den")
MANY = 1 << 20


def test_a_backup_of_an_open_store_is_a_store_and_a_log_of_its_own(tmp_path: Path) -> None:
    restored = tmp_path / "restored"
    restored.mkdir()
    record = RoomRecord(True, 1, 2, 3)
    with open_store(tmp_path / "node") as store:
        append(store, *range(50))
        store.save_rooms({DEN: record})
        before = store.read(0, 50, MANY)
        back_up(tmp_path / "node" / FILE_NAME, restored / FILE_NAME)
        append(store, 100)
        epoch = store.epoch
    assert [path.name for path in restored.iterdir()] == [FILE_NAME]
    assert stat.S_IMODE((restored / FILE_NAME).stat().st_mode) == 0o600
    with open_store(restored) as store:
        assert store.read(0, 99, MANY) == before
        assert store.room_records() == {DEN: record}
        assert store.storage.damages == ()
        assert store.epoch != epoch


def test_a_backup_of_a_store_at_rest_replaces_the_one_before(tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    for count in (3, 6):
        with open_store(tmp_path / "node") as store:
            append(store, *range(count))
        back_up(tmp_path / "node" / FILE_NAME, target)
    (tmp_path / "restored").mkdir()
    target.rename(tmp_path / "restored" / FILE_NAME)
    with open_store(tmp_path / "restored") as store:
        assert store.last_offset == 6


@pytest.mark.parametrize("name", [FILE_NAME, f"{FILE_NAME}-wal", "link", ".", "missing/backup.db"])
def test_a_backup_that_cannot_be_made_changes_nothing(tmp_path: Path, name: str) -> None:
    with open_store(tmp_path) as store:
        append(store, 1)
        (tmp_path / "link").symlink_to(tmp_path / FILE_NAME)
        names = sorted(tmp_path.iterdir())
        with pytest.raises(BackupError) as caught:
            back_up(tmp_path / FILE_NAME, tmp_path / name)
        assert "\n" not in str(caught.value)
        assert sorted(tmp_path.iterdir()) == names
        append(store, 2)
        assert len(store.read(0, 9, MANY)) == 2


@pytest.mark.parametrize("content", [None, b"", b"nothing like it" * 1000])
def test_what_is_no_store_has_no_backup(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / FILE_NAME).write_bytes(content)
    with pytest.raises(BackupError):
        back_up(tmp_path / FILE_NAME, tmp_path / "backup.db")
    assert not (tmp_path / "backup.db").exists()
