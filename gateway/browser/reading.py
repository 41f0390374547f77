"""Fields of frames: read and checked.

Used by ``events``, ``people`` and ``reading_frames``.
"""

from __future__ import annotations

from typing import Any

from gateway.errors import Refusal

MAX_ROOM_CHARS = 256
MAX_PEER_ID_CHARS = 128
MAX_MESSAGE_ID_CHARS = 256
MAX_CURSOR_CHARS = 256
MAX_PAGE_TOKEN_CHARS = 1024


class BrokenFrameError(Exception):
    """A frame breaks the rules; ``refusal`` says which."""

    def __init__(self, field: str | None, message: str, reason: str = "INVALID_FRAME") -> None:
        super().__init__(message)
        self.refusal = Refusal("INVALID_ARGUMENT", reason, message, field=field)


def text_of(
    frame: dict[str, Any], name: str, max_chars: int | None, *, required: bool = False
) -> str:
    """Read a text; an absent one is empty unless it is required.

    Raises:
        BrokenFrameError: It is missing, no string or too long.
    """
    found = frame.get(name)
    if found is None and not required:
        return ""
    if not isinstance(found, str):
        raise BrokenFrameError(name, f"{name} is missing or not a string")
    if max_chars is not None and len(found) > max_chars:
        raise BrokenFrameError(name, f"{name} is over {max_chars} characters")
    return found


def page_token_of(frame: dict[str, Any]) -> str:
    """Read which page of a list is asked for; empty is the first.

    Raises:
        BrokenFrameError: It is no string or too long.
    """
    return text_of(frame, "page_token", MAX_PAGE_TOKEN_CHARS)


def flag_of(frame: dict[str, Any], name: str, *, default: bool = False) -> bool:
    """Read a flag that may be absent.

    Raises:
        BrokenFrameError: It is neither true nor false.
    """
    found = frame.get(name)
    if found is None:
        return default
    if isinstance(found, bool):
        return found
    raise BrokenFrameError(name, f"{name} is true or false")
