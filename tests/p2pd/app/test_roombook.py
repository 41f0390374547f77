from __future__ import annotations

from pathlib import Path

import pytest

from p2pd.app.roombook import RoomBook
from p2pd.domain.names import RoomName

LOBBY, DEN = RoomName("lobby"), RoomName("den")


def test_joined_and_left_rooms_survive_a_restart(tmp_path: Path) -> None:
    book = RoomBook(tmp_path / "rooms.json", [LOBBY])
    book.join(DEN)
    book.leave(LOBBY)
    book.save()
    assert RoomBook(tmp_path / "rooms.json", [LOBBY]).joined == (DEN,)


def test_a_room_left_can_be_joined_again(tmp_path: Path) -> None:
    book = RoomBook(tmp_path / "rooms.json", [LOBBY])
    book.leave(LOBBY)
    book.join(LOBBY)
    book.save()
    assert LOBBY in RoomBook(tmp_path / "rooms.json", [LOBBY])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"joined": 5}', '{"joined": [1, "a\\n"]}'])
def test_a_damaged_file_leaves_the_configured_rooms(tmp_path: Path, content: str) -> None:
    path = tmp_path / "rooms.json"
    path.write_text(content)
    assert RoomBook(path, [LOBBY]).joined == (LOBBY,)
