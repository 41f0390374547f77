"""One reader's way through the events, as a state machine without I/O.

A follower either *replays* the node's log from its cursor, over a call of its own, or
*follows* the channel at a place. ``gateway.delivery`` moves it and writes what it says.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.channel.events import NodeEvent, cursor_behind
from gateway.channel.log import Channel, Stretch

PROGRESS_INTERVAL_S = 15.0
"""How often at most a follower is given a cursor though nothing matched."""


class Follower:
    """Where one reader is.

    Attributes:
        rooms: The rooms it reads; none means all.
        cursor: That of the last event it was given; None: from the present on.
        place: Its place in the channel; None while it replays.
        has_state: Whether it was given a snapshot that still holds.
    """

    __slots__ = (
        "_backlog_end",
        "_owes_caught_up",
        "_reported_s",
        "cursor",
        "has_state",
        "place",
        "rooms",
    )

    def __init__(self, after: str | None, rooms: frozenset[str], now_s: float) -> None:
        self.rooms = rooms
        self.cursor = after
        self.place: int | None = None
        self.has_state = False
        self._owes_caught_up = after is not None
        self._backlog_end: int | None = None
        """Where in the channel its backlog ends, until it has read so far."""
        self._reported_s = now_s
        """When it was last given an event."""

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
            self._backlog_end = channel.end
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

    @property
    def may_be_due(self) -> bool:
        """Whether ``due_event`` could return anything; spares most readers the call."""
        return self._owes_caught_up or bool(self.rooms)

    def due_event(self, count: int, now_s: float) -> str | None:
        """Return the kind of event about its own stream that is due, if any.

        The end of its backlog, once; or a cursor to keep though nothing matched.

        Args:
            count: How many events it was given now.
        """
        if count:
            self._reported_s = now_s
        if self._owes_caught_up and self._has_read_backlog():
            self._owes_caught_up = False
            self._reported_s = now_s
            return "caught_up"
        if self.rooms and now_s - self._reported_s >= PROGRESS_INTERVAL_S:
            self._reported_s = now_s
            return "progress"
        return None

    def _has_read_backlog(self) -> bool:
        if self.place is None or self._backlog_end is None:
            return False
        return self.place >= self._backlog_end

    def replay(self, events: Sequence[NodeEvent]) -> None:
        """Move behind events of the node's log, the first of which is a snapshot."""
        for event in events:
            self.cursor = cursor_behind(event, self.cursor)
            if event.fields["type"] == "caught_up":
                self._owes_caught_up = False
        self.has_state = self.has_state or bool(events)
