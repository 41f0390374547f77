from __future__ import annotations

import sys
import unicodedata

import pytest

from p2pd.domain.names import DEFAULT_ROOM, room_from_text
from p2pd.errors import InvalidInputError

ALLOWED = [
    "a",
    "chat room",
    "köln/🐝",
    "x" * 256,
    "<script>",
    "کتاب\u200cها",
    "東京\u3000支部",
    "👨\u200d👩\u200d👧",
    "\U0001fae8",
    "a\u00a0b",
    "a\u00adb",
    "\u200fא\u200e",
    "\u061cع",
    "\ufeffa",
    "a\u2028b",
    "\U000e0041",
    "\uffff",
    "\ue000",
    "\u0378",
]
REFUSED = {
    "x" * 257: "256 bytes",
    "ü" * 129: "256 bytes",
    "a\nb": "control character (U+000A)",
    "\x00": "control character",
    "a\x7f": "control character",
    "a\x85b": "control character",
    "a\x9fb": "control character",
    "a\ud800b": "lone surrogate (U+D800)",
    "\udfff": "lone surrogate",
    "a\u202eb": "direction override (U+202E)",
    "\u202aa": "direction override",
    "a\u2066b": "direction override",
    "a\u2069": "direction override",
    " chat-room": "starts with white space (U+0020)",
    "chat-room ": "ends with white space (U+0020)",
    " ": "white space",
    "\u3000東京": "white space (U+3000)",
    "東京\u3000": "white space (U+3000)",
    "a\u00a0": "white space",
    "\u2028a": "white space",
    "a\n": "white space",
}


@pytest.mark.parametrize("name", ALLOWED, ids=ascii)
def test_a_name_by_the_rule_is_a_room(name: str) -> None:
    assert room_from_text(name) == name


def test_no_name_is_the_default_room() -> None:
    assert room_from_text("") == DEFAULT_ROOM == "chat-room"


@pytest.mark.parametrize(("name", "flaw"), REFUSED.items(), ids=ascii)
def test_a_name_that_breaks_the_rule_is_refused_with_its_flaw(name: str, flaw: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        room_from_text(name, "rooms")
    assert (caught.value.field, caught.value.reason) == ("rooms", "INVALID_ROOM")
    assert flaw in str(caught.value)


def test_exactly_control_characters_overrides_and_surrogates_are_refused_inside() -> None:
    refused = set()
    for code in range(sys.maxunicode + 1):
        try:
            room_from_text(f"a{chr(code)}b")
        except InvalidInputError:
            refused.add(code)
    controls = {code for code in range(0x100) if unicodedata.category(chr(code)) == "Cc"}
    overrides = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}
    assert refused == controls | overrides | set(range(0xD800, 0xE000))


def test_exactly_white_space_is_refused_around_a_name() -> None:
    refused = set()
    for code in range(sys.maxunicode + 1):
        try:
            room_from_text(f"{chr(code)}b")
        except InvalidInputError as error:
            if "white space" in str(error):
                refused.add(code)
    # str.isspace is White_Space and four separators of category Cc.
    spaces = {code for code in range(sys.maxunicode + 1) if chr(code).isspace()}
    assert refused == spaces - {0x1C, 0x1D, 0x1E, 0x1F}
