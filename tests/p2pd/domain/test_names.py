from __future__ import annotations

import pytest

from p2pd.domain.names import DEFAULT_ROOM, room_from_text
from p2pd.errors import InvalidInputError


@pytest.mark.parametrize("name", ["a", "chat room", "köln/🐝", "x" * 256, "<script>"])
def test_a_printable_name_is_a_room(name: str) -> None:
    assert room_from_text(name) == name


def test_no_name_is_the_default_room() -> None:
    assert room_from_text("") == DEFAULT_ROOM == "chat-room"


@pytest.mark.parametrize(
    "name", ["x" * 257, "ü" * 129, "a\nb", "\x00", "a\x7f", "\ud800", "\u202e"]
)
def test_a_name_too_long_or_with_a_control_character_is_refused(name: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        room_from_text(name, "rooms")
    assert (caught.value.field, caught.value.reason) == ("rooms", "INVALID_ROOM")
