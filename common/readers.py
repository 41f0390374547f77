"""Readers of single setting values: text in, value out, ``ValueError`` with a reason.

The reasons quote what was given. Used by the settings of both services.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

SWITCH_WORDS = {
    **dict.fromkeys(("on", "true", "yes", "1"), True),
    **dict.fromkeys(("off", "false", "no", "0"), False),
}
MAX_QUOTED_CHARS = 80
MAX_NUMBER_CHARS = 18
MAX_NAME_BYTES = 255
MAX_PATH_BYTES = 4095
_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")


def quoted(text: str) -> str:
    """Quote what a user wrote, on one line and not at any length."""
    shown = text if len(text) <= MAX_QUOTED_CHARS else f"{text[:MAX_QUOTED_CHARS]}…"
    return repr(shown)


def plain_text(text: str) -> str:
    """Return the text without the space around it.

    Raises:
        ValueError: It holds control characters, or bytes that are not UTF-8.
    """
    stripped = text.strip()
    if any(unicodedata.category(character) == "Cs" for character in stripped):
        raise ValueError(f"{quoted(stripped)} is not UTF-8")
    if any(unicodedata.category(character) == "Cc" for character in stripped):
        raise ValueError(f"{quoted(stripped)} holds a control character")
    return stripped


def switch(text: str) -> bool:
    """Read on, true, yes and 1, or off, false, no and 0, in any case."""
    found = SWITCH_WORDS.get(text.lower())
    if found is None:
        raise ValueError(f"{quoted(text)} is neither on nor off")
    return found


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Make a reader of whole numbers within bounds, both included."""

    def read(text: str) -> int:
        is_number = text.isascii() and text.isdigit() and len(text) <= MAX_NUMBER_CHARS
        if not is_number or not least <= int(text) <= most:
            raise ValueError(f"{quoted(text)} is not a whole number from {least} to {most}")
        return int(text)

    return read


def seconds(least: float, most: float) -> Callable[[str], float]:
    """Make a reader of seconds within bounds, both included."""

    def read(text: str) -> float:
        is_number = _DECIMAL.fullmatch(text) and len(text) <= MAX_NUMBER_CHARS
        if not is_number or not least <= float(text) <= most:
            raise ValueError(
                f"{quoted(text)} is not a number of seconds from {least:g} to {most:g}"
            )
        return float(text)

    return read


def choice(*words: str) -> Callable[[str], str]:
    """Make a reader of one of some words, in any case."""

    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"{quoted(text)} is not one of {', '.join(words)}")
        return text.lower()

    return read


def path(text: str) -> Path:
    """Read a path; ``~`` is a home directory. Whether it is there is seen when it is used."""
    if not text:
        raise ValueError("a path is needed")
    try:
        found = Path(text).expanduser()
    except RuntimeError:
        raise ValueError(f"{quoted(text)} names a home directory that is not known") from None
    names = [len(os.fsencode(part)) for part in found.parts]
    if max(names, default=0) > MAX_NAME_BYTES or len(os.fsencode(found)) > MAX_PATH_BYTES:
        raise ValueError(f"{quoted(text)} is too long for a path")
    return found


def optional(read: Callable[[str], T]) -> Callable[[str], T | None]:
    """Make a reader that reads nothing as None."""
    return lambda text: read(text) if text else None


def unless_none(read: Callable[[str], T]) -> Callable[[str], T | None]:
    """Make a reader that reads the word ``none`` as None."""
    return lambda text: None if text.lower() == "none" else read(text)


def words(text: str) -> tuple[str, ...]:
    """Read a list: words between commas, without the space around each; empty ones are skipped.

    No word holds a comma, and none has space around it.
    """
    return tuple(word.strip() for word in text.split(",") if word.strip())
