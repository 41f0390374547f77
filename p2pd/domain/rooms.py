"""A joined room as callers see it."""

from __future__ import annotations

from dataclasses import dataclass

from p2pd.domain.names import RoomName


@dataclass(frozen=True, slots=True)
class Room:
    """A joined room: how many peers are in it, and how many messages are stored of it.

    Attributes:
        is_muted: Whether a person wants no notice of what is said in it.
    """

    name: RoomName
    peer_count: int
    message_count: int
    is_muted: bool = False
