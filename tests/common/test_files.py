"""A small file is the old one or the new one, whatever happens while it is written."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from common.files import create_file, remove_drafts, replace_file

Write = Callable[[Path, bytes], None]


@pytest.mark.parametrize("write", [create_file, replace_file])
def test_a_file_is_for_its_owner_only_whatever_the_umask(tmp_path: Path, write: Write) -> None:
    path, umask = tmp_path / "key", os.umask(0)
    try:
        write(path, b"secret")
    finally:
        os.umask(umask)
    assert path.read_bytes() == b"secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_there_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    replace_file(path, b"new", 0o644)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


@pytest.mark.parametrize("has_links", [True, False])
def test_a_file_that_is_there_is_not_created_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, has_links: bool
) -> None:
    if not has_links:
        monkeypatch.setattr(os, "link", refuse_link)
    path = tmp_path / "file"
    create_file(path, b"first")
    with pytest.raises(FileExistsError):
        create_file(path, b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("write", [create_file, replace_file])
@pytest.mark.parametrize("failing", ["write", "fsync", "fchmod"])
def test_a_full_disk_leaves_the_old_file_and_no_draft(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Write, failing: str
) -> None:
    path = tmp_path / "file"
    if write is replace_file:
        path.write_bytes(b"old")
    before = list(tmp_path.iterdir())
    if failing == "write":
        monkeypatch.setattr(os, "fdopen", open_full)
    else:
        monkeypatch.setattr(os, failing, refuse_write)
    with pytest.raises(OSError, match="No space"):
        write(path, b"new")
    assert list(tmp_path.iterdir()) == before
    assert [one.read_bytes() for one in before] == [b"old"] * len(before)


def test_the_name_is_on_the_disk_when_the_call_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[bool, bool]] = []
    path = tmp_path / "file"
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append((stat.S_ISDIR(os.fstat(fd).st_mode), path.exists()))
    )
    replace_file(path, b"new")
    assert synced == [(False, False), (True, True)]


def test_drafts_of_a_killed_process_are_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "key"
    for name in (".key.x1.new", ".key.x2.new", ".other.x1.new", "key", ".key.backup"):
        (tmp_path / name).touch()
    remove_drafts(path)
    assert sorted(one.name for one in tmp_path.iterdir()) == [".key.backup", ".other.x1.new", "key"]
    remove_drafts(tmp_path / "nowhere" / "key")


STEPS = ("fchmod", "fsync", "link", "replace", "unlink")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("is_before", [True, False])
@pytest.mark.parametrize("write", [create_file, replace_file])
def test_a_kill_at_any_step_leaves_a_whole_file_or_the_old_one(
    tmp_path: Path, write: Write, step: str, times: int, is_before: bool
) -> None:
    path = tmp_path / "file"
    old = None if write is create_file else b"old"
    if old:
        path.write_bytes(old)
    child = os.fork()
    if child == 0:
        die_at(step, times, is_before)
        write(path, b"new content")
        os._exit(0)
    os.waitpid(child, 0)
    assert (path.read_bytes() if path.exists() else None) in {old, b"new content"}
    remove_drafts(path)
    assert {one.name for one in tmp_path.iterdir()} <= {"file"}


def die_at(step: str, times: int, is_before: bool) -> None:
    """Have this process end at a system call, in the child of a fork."""
    real, calls = getattr(os, step), 0

    def call(*arguments: object, **options: object) -> object:
        nonlocal calls
        calls += 1
        if calls == times and is_before:
            os._exit(9)
        result = real(*arguments, **options)
        if calls == times:
            os._exit(9)
        return result

    setattr(os, step, call)


def refuse_link(*_: object) -> None:
    raise PermissionError(1, "Operation not permitted")


def refuse_write(*_: object) -> None:
    raise OSError(28, "No space left on device")


def open_full(descriptor: int, mode: str) -> object:
    os.close(descriptor)
    return Path("/dev/full").open("wb", buffering=0)
