"""One reader's way through the events, as a state machine without I/O.

A follower *replays* backlogs until it reaches the end of the channel for the first time;
from then on it *follows* the channel. ``gateway.delivery`` moves it and writes what it says.
"""

from __future__ import annotations

from gateway.channel.backlog import Backlog
from gateway.channel.log import Channel, Stretch

PROGRESS_INTERVAL_S = 15.0
"""How often at most a follower is given a cursor though nothing matched."""


class Follower:
    """Where one reader is.

    Attributes:
        rooms: The rooms it reads; none means all.
        cursor: That of the last event it was given; None: from the present on.
        log: The channel or the backlog that it reads; None while it is in neither.
        place: Its place there.
    """

    __slots__ = (
        "_backlog_end",
        "_owes_caught_up",
        "_reported_s",
        "_state_end",
        "cursor",
        "log",
        "place",
        "rooms",
    )

    def __init__(self, after: str | None, rooms: frozenset[str], now_s: float) -> None:
        self.rooms = rooms
        self.cursor = after
        self.log: Channel | None = None
        self.place = 0
        self._state_end: int | None = None
        """Up to where in the channel the state that it was given holds, if it has one."""
        self._owes_caught_up = after is not None
        self._backlog_end: int | None = None
        """Where in the channel its backlog ends, once it is there."""
        self._reported_s = now_s
        """When it was last given an event."""

    @property
    def is_at_end(self) -> bool:
        """Whether it has read all that its log holds, or has none."""
        return self.log is None or self.place >= self.log.end

    def enter(self, log: Channel, channel: Channel) -> bool:
        """Go on in a log that holds the follower's cursor.

        Returns:
            Whether it is due a snapshot: it has none, or came past the place in the
            channel up to which that one holds.
        """
        self.leave()
        if self.cursor is None:
            self.cursor, place = channel.cursor, channel.end
        else:
            found = log.place_after(self.cursor)
            assert found is not None
            place = found
        self.log, self.place = log, place
        if isinstance(log, Backlog):
            log.add_reader()
        else:
            self._backlog_end = channel.end
        is_due = self._state_end is None or (log is channel and place > self._state_end)
        if is_due:
            self._state_end = channel.end
        return is_due

    def leave(self) -> None:
        """Leave its log: it is gone, or the log holds its cursor no longer."""
        if isinstance(self.log, Backlog):
            self.log.remove_reader()
        elif self.log is not None:
            self._state_end = self.place
            self._backlog_end = None
        self.log = None

    def read(self, max_bytes: int) -> Stretch | None:
        """Return the next stretch of its log and move behind it.

        Returns:
            None where the log has evicted what is next: the follower has left it.
        """
        assert self.log is not None
        stretch = self.log.read(self.place, self.rooms, max_bytes)
        if stretch is None:
            self.leave()
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
        return self._backlog_end is not None and self.place >= self._backlog_end
