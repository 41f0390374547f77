"""Cursors: a place in one node's log, as an opaque string.

A cursor names the log (its epoch) and an offset in it. The epoch changes when
the log starts anew, so that a cursor of an older log is recognised instead of
pointing at somebody else's message.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

_FORM = re.compile(r"([0-9a-f]{8})-([0-9a-f]{1,16})")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The place just behind the message at ``offset``; 0 is the beginning."""

    epoch: str
    offset: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.offset:x}"


def cursor_from_text(text: str) -> Cursor | None:
    """Read a cursor, or return None where it cannot be one."""
    match = _FORM.fullmatch(text)
    return Cursor(match[1], int(match[2], 16)) if match else None


def new_epoch() -> str:
    """Name a new log: eight random hexadecimal digits."""
    return secrets.token_hex(4)
