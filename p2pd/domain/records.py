"""Records of the log: each has an offset, a kind, a conversation and a body.

A release passes over records whose kind, or whose kind of conversation, it does not
serve: they stay, and cursors move past them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from p2pd.domain.names import PeerId, RoomName


class RecordKind(IntEnum):
    """What a record is; the numbers are stored."""

    MESSAGE = 0


@dataclass(frozen=True, slots=True)
class Direct:
    """The conversation with one peer."""

    peer_id: PeerId


Conversation: TypeAlias = RoomName | Direct
"""What a record belongs to."""
