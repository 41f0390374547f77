from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from p2pd.chat.roombook import RoomBook, RoomEntry
from p2pd.domain.names import RoomName
from p2pd.errors import StorageFullError

LOBBY, DEN = RoomName("lobby"), RoomName("den")


def book_at(path: Path, floor_ns: int = 5, now_ns: int = 50) -> RoomBook:
    return RoomBook(path / "rooms.json", [LOBBY], floor_ns, now_ns)


def test_joined_and_left_rooms_survive_a_restart(tmp_path: Path) -> None:
    book = book_at(tmp_path)
    book.join(DEN, 7, 70)
    book[DEN].is_caught_up = True
    book[DEN].sent_until = 75
    book.leave(LOBBY)
    book.save()
    again = book_at(tmp_path, 9, 90)
    assert again.joined == (DEN,)
    assert again[DEN] == RoomEntry(7, joined_ns=70, sent_until=75, is_caught_up=True)
    assert again.max_sent == 75
    assert again.is_saved
    assert not book_at(tmp_path / "elsewhere").is_saved


def test_a_room_left_can_be_joined_again_and_what_waited_there_still_waits(tmp_path: Path) -> None:
    book = book_at(tmp_path)
    book.leave(LOBBY)
    book.save()
    book = book_at(tmp_path, 9, 90)
    book.join(LOBBY, 6, 60)
    book.save()
    again = book_at(tmp_path, 9, 90)
    assert (again[LOBBY].floor_ns, again[LOBBY].sent_until) == (6, 50)


def test_a_file_that_does_not_say_what_was_sent_has_nothing_waiting(tmp_path: Path) -> None:
    content = '{"joined": {"den": {"floor_ns": 3, "is_caught_up": true}}, "left": ["lobby"]}'
    (tmp_path / "rooms.json").write_text(content)
    book = book_at(tmp_path)
    assert book.joined == (DEN,)
    assert book[DEN].sent_until == 50
    book.join(LOBBY, 6, 60)
    assert book[LOBBY].sent_until == 50


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
    ],
)
def test_a_damaged_file_leaves_the_configured_rooms(tmp_path: Path, content: str) -> None:
    (tmp_path / "rooms.json").write_text(content)
    assert book_at(tmp_path).joined == (LOBBY,)


def test_a_full_disk_is_told_and_what_was_saved_stays(tmp_path: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True)
    try:
        book = book_at(tmp_path)
        book.save()
        with pytest.raises(OSError, match="No space"):
            (tmp_path / "hog").write_bytes(bytes(1 << 20))
        book.join(DEN, 7, 70)
        with pytest.raises(StorageFullError):
            book.save()
        (tmp_path / "hog").unlink()
        assert book_at(tmp_path).joined == (LOBBY,)
        book.save()
        assert book_at(tmp_path).joined == (DEN, LOBBY)
    finally:
        subprocess.run(["umount", tmp_path], check=True)
