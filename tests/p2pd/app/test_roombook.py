from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.app.roombook import RoomBook, RoomEntry
from p2pd.domain.names import RoomName

LOBBY, DEN = RoomName("lobby"), RoomName("den")


def test_joined_and_left_rooms_survive_a_restart(tmp_path: Path) -> None:
    book = RoomBook(tmp_path / "rooms.json", [LOBBY], 5, 50)
    book.join(DEN, 7, 70)
    book[DEN].is_caught_up = True
    book.leave(LOBBY)
    book.save()
    again = RoomBook(tmp_path / "rooms.json", [LOBBY], 9, 90)
    assert again.joined == (DEN,)
    assert again[DEN] == RoomEntry(7, 70, is_caught_up=True)


def test_a_room_left_can_be_joined_again(tmp_path: Path) -> None:
    book = RoomBook(tmp_path / "rooms.json", [LOBBY], 5, 50)
    book.leave(LOBBY)
    book.join(LOBBY, 6, 60)
    book.save()
    assert RoomBook(tmp_path / "rooms.json", [LOBBY], 9, 90)[LOBBY].floor_ns == 6


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", '{"joined": 5}', '{"joined": {"a\\n": {}}}', '{"joined": {"den": 1}}'],
)
def test_a_damaged_file_leaves_the_configured_rooms(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rooms.json"
    path.write_text(content)
    assert RoomBook(path, [LOBBY], 5, 50).joined == (LOBBY,)
