"""The fan-out: writes the shared channel to every browser that follows it.

Fed by the one upstream stream; used by ``gateway.delivery.session``. One wake-up writes
to each follower once. A browser that has not read the channel to its end yet is served
by ``gateway.delivery.catch_up`` until it has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

from gateway.channel.backlog import Backlogs
from gateway.channel.events import (
    OF_ONE_STREAM,
    OF_WHAT_IS_SHOWN,
    LinkState,
    NodeEvent,
    node_state,
)
from gateway.channel.log import Channel, Entry, entry_from_event
from gateway.channel.view import View
from gateway.counts import Counts
from gateway.delivery import catch_up
from gateway.delivery.catch_up import CatchUps
from gateway.delivery.reader import Outlet, Pen, Reader
from gateway.delivery.replay import Replays, Source, Spawn

WRITE_MAX_BYTES = 64 * 1024
"""About what one wake-up writes to one browser."""
PAUSE_SHARE = 0.1
"""How long the fan-out pauses after a wake-up, in times of what that took."""
LEAST_PAUSE_S = 0.001
"""What timers can tell apart; few browsers are served without a pause."""


class Fanout:
    """All readers, the channel they share and the state they start with.

    Args:
        backlog_bytes: Memory for what browsers replay from before the channel.
        source: Where that comes from.
        pause_share: How long to pause after a wake-up, in times of what that took.
        catch_up_pause_share: The same after a turn of the catch-ups.
    """

    def __init__(
        self,
        channel: Channel,
        view: View,
        counts: Counts,
        source: Source,
        spawn: Spawn,
        backlog_bytes: int,
        pause_share: float = PAUSE_SHARE,
        catch_up_pause_share: float = catch_up.PAUSE_SHARE,
    ) -> None:
        self._channel = channel
        self._view = view
        self._counts = counts
        self._pen = Pen(channel.join, counts)
        self._pause_share = pause_share
        self._state: LinkState = "away"
        self._following: dict[Reader, None] = {}
        self._backlogs = Backlogs(channel, backlog_bytes)
        self._catch_ups = CatchUps(
            channel, self._backlogs, view, counts, self._follow, catch_up_pause_share
        )
        self._catch_ups.look = Replays(source, spawn, self._backlogs, self._catch_ups, counts).look
        self._is_busy = False
        """Whether a wake-up is due, under way or pausing."""
        self._is_wanted = False
        self._unwritten: list[tuple[float, int]] = []
        """When events came that no wake-up has written yet, and how many at a time."""

    def append_events(self, events: Sequence[NodeEvent]) -> None:
        """Append events of the upstream stream; the very first is a snapshot.

        That one is no entry: whoever follows starts with the view's.
        """
        if not events:
            return
        self._counts.events += len(events)
        if self._following:
            self._unwritten.append((time.monotonic(), len(events)))
        is_first = self._view.node is None
        for event in events:
            self._view.apply(event.fields)
        if is_first:
            self._channel.start_after(events[0].cursor)
            self._catch_ups.wake_all()
        passed_on = [one for one in events[is_first:] if one.fields["type"] not in OF_ONE_STREAM]
        entries = [entry_from_event(event) for event in passed_on]
        changes = [one.fields["type"] in OF_WHAT_IS_SHOWN for one in passed_on]
        if any(changes):
            # What came before may not be shown any more: the node knows what is.
            end = len(changes) - 1 - changes[::-1].index(True)
            self._append(entries[:end])
            self._channel.clear()
            self._backlogs.clear()
            entries = entries[end:]
        self._append(entries)

    def set_node_state(self, state: LinkState) -> None:
        """Report to every browser whether the node is reachable."""
        self._state = state
        self._counts.node_away += state == "away"
        payload = node_state(state)
        for reader in self._catch_ups:
            self._pen.write(reader, [payload])
        self._append([Entry(self._channel.cursor, None, payload)])

    def add_reader(self, outlet: Outlet, after: str | None, rooms: frozenset[str]) -> Reader:
        """Start to serve a browser: the state, what it missed, then what happens."""
        reader = Reader(outlet, after, rooms)
        self._catch_ups.add(reader)
        if self._state == "away":
            self._pen.write(reader, [node_state("away")])
        return reader

    def remove_reader(self, reader: Reader) -> None:
        """Stop serving a browser."""
        self._following.pop(reader, None)
        self._catch_ups.remove(reader)
        reader.leave()

    def resume(self, reader: Reader) -> None:
        """Go on with a browser whose socket takes more again."""
        if reader in self._following:
            self._schedule()
        else:
            self._catch_ups.resume(reader)

    def _append(self, entries: Sequence[Entry]) -> None:
        before = self._channel.cursor
        self._channel.append(entries)
        self._catch_ups.wake((before, *(entry.cursor for entry in entries)))
        self._schedule()

    def _follow(self, reader: Reader) -> None:
        """Write to a reader what comes from now on: it has read the channel to its end."""
        self._following[reader] = None

    def _schedule(self) -> None:
        """Have one wake-up, however many appends come before it."""
        self._is_wanted = True
        if not self._is_busy and self._following:
            self._is_busy = True
            asyncio.get_running_loop().call_soon(self._wake_up)

    def _wake_up(self) -> None:
        begin_s = time.monotonic()
        self._is_wanted = False
        written, self._unwritten = self._unwritten, []
        end = self._channel.end
        frames = sent_bytes = 0
        for reader in list(self._following):
            if reader.place == end or not reader.outlet.is_writable:
                continue
            stretch = reader.read(WRITE_MAX_BYTES)
            if stretch is None:
                del self._following[reader]
                self._catch_ups.add(reader)
                continue
            if stretch.count:
                frames += stretch.count
                sent_bytes += len(stretch.wire)
                reader.outlet.write(stretch.wire)
            if reader.may_be_due:
                self._pen.write_due(reader, stretch.count, begin_s)
            if stretch.end < end and reader.outlet.is_writable:
                self._is_wanted = True
        self._counts.frames_sent += frames
        self._counts.bytes_sent += sent_bytes
        # The loop writes to the sockets at the end of its turn: in the next one
        # it is known what this wake-up took.
        asyncio.get_running_loop().call_soon(self._pause, begin_s, written)

    def _pause(self, begin_s: float, written: Sequence[tuple[float, int]]) -> None:
        """Let more events gather where a wake-up takes long, and others have a turn.

        A write to a thousand sockets costs about the same for one event as for ten.
        """
        now_s = time.monotonic()
        for came_s, count in written:
            self._counts.event_durations.observe(now_s - came_s, count)
        pause_s = (now_s - begin_s) * self._pause_share
        if pause_s >= LEAST_PAUSE_S:
            asyncio.get_running_loop().call_later(pause_s, self._end_pause)
        else:
            self._end_pause()

    def _end_pause(self) -> None:
        self._is_busy = False
        if self._is_wanted:
            self._schedule()
