"""One reader's way through the events, as a state machine without I/O.

A follower either *replays* the node's log from its cursor, over a call of its own, or
*follows* the channel at a place. ``gateway.delivery`` moves it and writes what it says.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.channel.events import NodeEvent, cursor_behind
from gateway.channel.log import Channel, Stretch


class Follower:
    """Where one reader is.

    Attributes:
        rooms: The rooms it reads; none means all.
        cursor: That of the last event it was given; None: from the present on.
        place: Its place in the channel; None while it replays.
        has_state: Whether it was given a snapshot that still holds.
    """

    __slots__ = ("cursor", "has_state", "place", "rooms")

    def __init__(self, after: str | None, rooms: frozenset[str]) -> None:
        self.rooms = rooms
        self.cursor = after
        self.place: int | None = None
        self.has_state = False

    def follow(self, channel: Channel) -> bool:
        """Leave the replay where the channel holds the follower's cursor.

        Returns:
            Whether it follows now. It is due a snapshot if ``has_state`` is false.
        """
        if self.place is None:
            if self.cursor is None:
                self.cursor, self.place = channel.cursor, channel.end
            else:
                self.place = channel.place_after(self.cursor)
        return self.place is not None

    def read(self, channel: Channel, max_bytes: int) -> Stretch | None:
        """Return the next stretch and move behind it; only while following.

        Returns:
            None where the channel has evicted what is next: the follower replays now.
        """
        assert self.place is not None
        stretch = channel.read(self.place, self.rooms, max_bytes)
        if stretch is None:
            self.place = None
            self.has_state = False
            return None
        self.place = stretch.end
        self.cursor = stretch.cursor
        return stretch

    def replay(self, events: Sequence[NodeEvent]) -> None:
        """Move behind events of the node's log, the first of which is a snapshot."""
        for event in events:
            self.cursor = cursor_behind(event, self.cursor)
        self.has_state = self.has_state or bool(events)
