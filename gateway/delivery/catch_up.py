"""The catch-ups: browsers that have not read the channel to its end, served by turns.

Used by ``gateway.delivery.fanout``, which gets each browser once it is there. A browser
goes through backlogs and the channel as far as they hold what is next to it; where nothing
does, it waits for ``gateway.delivery.replay`` to fetch that from the node.

One turn of the loop serves a few browsers, in order, and pauses as long as that took, so
that thousands of them delay neither what is live nor somebody's publish for long.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from gateway.channel.backlog import Backlogs
from gateway.channel.log import Channel
from gateway.channel.view import View
from gateway.counts import Counts
from gateway.delivery.reader import Pen, Reader

WRITE_MAX_BYTES = 32 * 1024
"""About what is written to one browser in a turn. The next is only once all of it is in
the socket, so that thousands that read slowly hold little memory."""
TURN_S = 0.002
"""How long one turn serves browsers; the loop writes to their sockets behind it."""
TURN_BYTES = 512 * 1024
"""What one turn writes."""
PAUSE_SHARE = 0.5
"""How long the catch-ups pause after a turn, in times of what that took."""
LEAST_PAUSE_S = 0.001
"""What timers can tell apart."""


class CatchUps:
    """All browsers that catch up.

    Args:
        follow: Is given each browser that has read the channel to its end.
        pause_share: How long to pause after a turn, in times of what that took.

    Attributes:
        look: Is called when a browser waits for what only the node has.
    """

    def __init__(
        self,
        channel: Channel,
        backlogs: Backlogs,
        view: View,
        counts: Counts,
        follow: Callable[[Reader], None],
        pause_share: float = PAUSE_SHARE,
    ) -> None:
        self._channel = channel
        self._backlogs = backlogs
        self._view = view
        self._counts = counts
        self._pen = Pen(channel.join, counts)
        self._follow = follow
        self._pause_share = pause_share
        self._readers: dict[Reader, None] = {}
        self._turns: deque[Reader] = deque()
        self._waiting: dict[str | None, dict[Reader, None]] = {}
        """The browsers that nothing holds more for, by their cursors."""
        self._is_busy = False
        """Whether a turn is due, under way or pausing."""
        self.look: Callable[[], None] = lambda: None

    def __iter__(self) -> Iterator[Reader]:
        return iter(self._readers)

    def add(self, reader: Reader) -> None:
        """Serve a browser from its cursor on; from the present on at once."""
        self._readers[reader] = None
        self._counts.catch_ups = len(self._readers)
        if reader.cursor is None and self._channel.is_started:
            self._serve(reader, time.monotonic())
        else:
            reader.outlet.limit_waiting(0)
            self._queue(reader)

    def remove(self, reader: Reader) -> None:
        """Stop serving a browser."""
        self._readers.pop(reader, None)
        self._counts.catch_ups = len(self._readers)
        self._stop_waiting(reader)

    def resume(self, reader: Reader) -> None:
        """Go on with a browser whose socket takes more again, if it is one of these."""
        if reader in self._readers:
            self._queue(reader)

    def wake(self, cursors: Iterable[str | None]) -> None:
        """Serve the browsers that waited at these cursors: more is there for them."""
        if not self._waiting:
            return
        for cursor in cursors:
            for reader in self._waiting.pop(cursor, ()):
                self._queue(reader)

    def wake_all(self) -> None:
        """Serve all who wait: the channel has begun."""
        self.wake(list(self._waiting))

    def is_wanted(self, cursor: str) -> bool:
        """Return whether a browser that takes more waits at this cursor."""
        waiting = self._waiting.get(cursor, ())
        return any(reader.outlet.is_writable for reader in waiting)

    def next_cursor(self, but: Iterable[str]) -> str | None:
        """Return the cursor at which a browser waits longest, without those of ``but``."""
        excepted = set(but)
        cursors = (one for one in self._waiting if one is not None and one not in excepted)
        return next(filter(self.is_wanted, cursors), None)

    def _queue(self, reader: Reader) -> None:
        if not reader.is_queued:
            reader.is_queued = True
            self._turns.append(reader)
        if not self._is_busy:
            self._is_busy = True
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        begin_s = now_s = time.monotonic()
        written_bytes = 0
        while self._turns and written_bytes < TURN_BYTES and now_s - begin_s < TURN_S:
            reader = self._turns.popleft()
            reader.is_queued = False
            if reader in self._readers and reader.outlet.is_writable:
                written_bytes += self._serve(reader, now_s)
            now_s = time.monotonic()
        # The loop writes to the sockets at the end of its turn: in the next one
        # it is known what this one took.
        asyncio.get_running_loop().call_soon(self._pause, begin_s)

    def _pause(self, begin_s: float) -> None:
        pause_s = max((time.monotonic() - begin_s) * self._pause_share, LEAST_PAUSE_S)
        if self._turns and self._pause_share:
            asyncio.get_running_loop().call_later(pause_s, self._end_pause)
        else:
            self._end_pause()

    def _end_pause(self) -> None:
        self._is_busy = bool(self._turns)
        if self._turns:
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _serve(self, reader: Reader, now_s: float) -> int:
        """Write to a browser once; return how many bytes."""
        self._stop_waiting(reader)
        if reader.is_at_end and not self._go_on(reader):
            return 0
        stretch = reader.read(WRITE_MAX_BYTES)
        if stretch is None:
            self._queue(reader)
            return 0
        if stretch.count:
            self._pen.write_wire(reader, stretch.wire, stretch.count)
        if reader.may_be_due:
            self._pen.write_due(reader, stretch.count, now_s)
        if reader.is_at_end and reader.log is self._channel:
            self.remove(reader)
            reader.outlet.limit_waiting(None)
            self._follow(reader)
        elif reader.outlet.is_writable:
            self._queue(reader)
        return len(stretch.wire)

    def _go_on(self, reader: Reader) -> bool:
        """Have a browser enter the log that holds what is next to it, or wait for one."""
        log = self._log_for(reader.cursor)
        if log is None:
            self._waiting.setdefault(reader.cursor, {})[reader] = None
            self.look()
            return False
        if reader.enter(log, self._channel):
            self._pen.write(reader, self._view.snapshot(reader.cursor or ""))
        return True

    def _log_for(self, cursor: str | None) -> Channel | None:
        if not self._channel.is_started:
            return None
        return self._channel if cursor is None else self._backlogs.holder(cursor)

    def _stop_waiting(self, reader: Reader) -> None:
        waiting = self._waiting.get(reader.cursor)
        if waiting is not None and waiting.pop(reader, reader) is None and not waiting:
            del self._waiting[reader.cursor]
