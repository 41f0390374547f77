"""What a profile may be, and what no name and no picture is."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.domain.profiles import MAX_AVATAR_BYTES, name_from_text, profile_from_parts
from p2pd.errors import InvalidInputError

PNG = b"\x89PNG\r\n\x1a\n"
UNSEEN = "\x00\t\n\x7f\x85\xad\u061c\u180e\u200b\u200c\u200d\u200e\u200f\u2028\u202a\u202e\u2060"
UNSEEN += "\u2066\u2069\ufe0f\ufeff\ufff9\U000e0041"


@pytest.mark.parametrize(
    ("text", "prepared"),
    [
        ("Ada", "Ada"),
        ("  Ada   Lovelace ", "Ada Lovelace"),
        ("Ａｄａ", "Ada"),
        ("A\u0308nne", "Änne"),
        ("عائشة", "عائشة"),
        ("🐝", "🐝"),
        ("", ""),
    ],
)
def test_names_are_prepared_as_rfc_8266_says(text: str, prepared: str) -> None:
    assert name_from_text(text, "name") == prepared


@pytest.mark.parametrize("character", UNSEEN)
def test_nothing_unseen_passes_in_a_name(character: str) -> None:
    for text in (f"Ada{character}Lovelace", character):
        prepared = ""
        with suppress(InvalidInputError):
            prepared = name_from_text(text, "name")
        assert character not in prepared


@given(st.text(max_size=40))
def test_whatever_passes_is_seen_and_passes_again_unchanged(text: str) -> None:
    try:
        prepared = name_from_text(text, "name")
    except InvalidInputError:
        return
    assert name_from_text(prepared, "name") == prepared
    assert len(prepared.encode()) <= 64
    assert {unicodedata.category(one) for one in prepared}.isdisjoint({"Cc", "Cf", "Cs", "Zl"})


@pytest.mark.parametrize(
    ("parts", "field"),
    [
        (("x" * 65, "", "", b""), "profile.name"),
        (("ü" * 33, "", "", b""), "profile.name"),
        (("x" * 10_000, "", "", b""), "profile.name"),
        (("\ud800", "", "", b""), "profile.name"),
        (("", "x" * 513, "", b""), "profile.about"),
        (("", "a\u202eb", "", b""), "profile.about"),
        (("", "a\u200bb", "", b""), "profile.about"),
        (("", "a\x00b", "", b""), "profile.about"),
        (("", "", "red", b""), "profile.color"),
        (("", "", "#0080FF", b""), "profile.color"),
        (("", "", "#0080ff\n", b""), "profile.color"),
        (("", "", "", PNG.ljust(MAX_AVATAR_BYTES + 1)), "profile.avatar"),
        (("", "", "", b"<svg xmlns='http://www.w3.org/2000/svg'/>"), "profile.avatar"),
        (("", "", "", b"<!doctype html><script>alert(1)</script>"), "profile.avatar"),
        (("", "", "", b"\xef\xbb\xbf<svg/>"), "profile.avatar"),
        (("", "", "", b" " + PNG), "profile.avatar"),
        (("", "", "", b"RIFF\0\0\0\0WAVE"), "profile.avatar"),
        (("", "", "", b"GIF89a"), "profile.avatar"),
    ],
)
def test_what_breaks_the_rules_names_its_field(
    parts: tuple[str, str, str, bytes], field: str
) -> None:
    with pytest.raises(InvalidInputError) as caught:
        profile_from_parts(*parts)
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("picture", "media_type"),
    [
        (PNG.ljust(MAX_AVATAR_BYTES), "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
    ],
)
def test_pictures_are_known_by_their_first_bytes(picture: bytes, media_type: str) -> None:
    profile = profile_from_parts("Ada", "two\nlines", "#0080ff", picture)
    assert (profile.avatar, profile.avatar_type) == (picture, media_type)
    assert len(profile.avatar_hash) == 16
