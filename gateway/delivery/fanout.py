"""The fan-out: writes the shared channel to every browser that follows it.

Fed by the one upstream stream; used by ``gateway.delivery.session``. One wake-up writes
to each follower once. A browser whose cursor is older than the channel is handed to
``gateway.delivery.replay`` until the channel holds its cursor.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.channel.events import (
    OF_ONE_STREAM,
    OF_WHAT_IS_SHOWN,
    UNKNOWN_KIND,
    LinkState,
    NodeEvent,
    node_state,
    payload_from_fields,
    stream_event,
)
from gateway.channel.follower import Follower
from gateway.channel.log import Channel, Entry
from gateway.channel.view import View
from gateway.counts import Counts

WRITE_MAX_BYTES = 64 * 1024
"""About what one wake-up writes to one browser."""
PAUSE_SHARE = 0.1
"""How long the fan-out pauses after a wake-up, in times of what that took."""
LEAST_PAUSE_S = 0.001
"""What timers can tell apart; few browsers are served without a pause."""


class Outlet(Protocol):
    """Where events go: a browser's socket."""

    @property
    def is_writable(self) -> bool:
        """Whether the socket takes more; ``Fanout.resume`` is called when it does again."""

    def write(self, wire: bytes) -> None:
        """Write what the channel's ``join`` made; never waits."""


class Reader(Follower):
    """One browser's way through the events, with its socket and its replay."""

    __slots__ = ("outlet", "replay_task", "writable")

    def __init__(self, outlet: Outlet, after: str | None, rooms: frozenset[str]) -> None:
        super().__init__(after, rooms, time.monotonic())
        self.outlet = outlet
        self.replay_task: asyncio.Task[None] | None = None
        self.writable: asyncio.Event | None = None

    async def wait_writable(self) -> None:
        """Wait until the socket takes more."""
        while not self.outlet.is_writable:
            self.writable = asyncio.Event()
            await self.writable.wait()


StartReplay = Callable[["Fanout", Reader], "asyncio.Task[None]"]


class Fanout:
    """All readers, the channel they share and the state they start with.

    Args:
        start_replay: Starts the task that replays to a reader until it follows.
        pause_share: How long to pause after a wake-up, in times of what that took.
    """

    def __init__(
        self,
        channel: Channel,
        view: View,
        counts: Counts,
        start_replay: StartReplay,
        pause_share: float = PAUSE_SHARE,
    ) -> None:
        self._channel = channel
        self._view = view
        self._counts = counts
        self._start_replay = start_replay
        self._pause_share = pause_share
        self._state: LinkState = "away"
        self._following: dict[Reader, None] = {}
        self._replaying: dict[Reader, None] = {}
        self._is_busy = False
        """Whether a wake-up is due, under way or pausing."""
        self._is_wanted = False
        self._unwritten: list[tuple[float, int]] = []
        """When events came that no wake-up has written yet, and how many at a time."""

    @property
    def free_bytes(self) -> int:
        """How much of the past the channel could hold."""
        return self._channel.free_bytes

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
        passed_on = [one for one in events[is_first:] if one.fields["type"] not in OF_ONE_STREAM]
        entries = [entry_from_event(event) for event in passed_on]
        changes = [one.fields["type"] in OF_WHAT_IS_SHOWN for one in passed_on]
        if any(changes):
            # What came before may not be shown any more: the node knows what is.
            end = len(changes) - 1 - changes[::-1].index(True)
            self._channel.append(entries[:end])
            self._channel.clear()
            entries = entries[end:]
        self._append(entries)

    def set_node_state(self, state: LinkState) -> None:
        """Report to every browser whether the node is reachable."""
        self._state = state
        self._counts.node_away += state == "away"
        payload = node_state(state)
        for reader in self._replaying:
            self._write(reader, [payload])
        self._append([Entry(self._channel.cursor, None, payload)])

    def add_reader(self, outlet: Outlet, after: str | None, rooms: frozenset[str]) -> Reader:
        """Start to serve a browser: the state, what it missed, then what happens."""
        reader = Reader(outlet, after, rooms)
        self._replay(reader)
        if self._state == "away":
            self._write(reader, [node_state("away")])
        return reader

    def remove_reader(self, reader: Reader) -> None:
        """Stop serving a browser."""
        self._following.pop(reader, None)
        self._replaying.pop(reader, None)
        self._counts.catch_ups = len(self._replaying)
        if reader.replay_task is not None:
            reader.replay_task.cancel()

    def resume(self, reader: Reader) -> None:
        """Go on with a browser whose socket takes more again."""
        if reader.writable is not None:
            reader.writable.set()
            reader.writable = None
        if reader in self._following:
            self._schedule()

    def contains(self, cursor: str) -> bool:
        """Return whether a reader at this cursor could follow the channel."""
        return self._channel.place_after(cursor) is not None

    def try_follow(self, reader: Reader) -> bool:
        """Let a reader that replays follow the channel if its cursor is in it.

        Returns:
            Whether it follows; its replay is over then.
        """
        if reader not in self._replaying or self._view.node is None:
            return reader in self._following
        if not reader.follow(self._channel):
            return False
        if not reader.has_state:
            self._write(reader, self._view.snapshot(reader.cursor or ""))
            reader.has_state = True
        self._replaying.pop(reader, None)
        self._counts.catch_ups = len(self._replaying)
        self._following[reader] = None
        self._write_due(reader, 0, time.monotonic())
        if reader.place is not None and reader.place < self._channel.end:
            self._schedule()
        return True

    def write_replayed(self, reader: Reader, events: Sequence[NodeEvent]) -> list[Entry]:
        """Write what a replay brought; the last cursor becomes the reader's.

        Returns:
            The events as the channel would hold them.
        """
        reader.replay(events)
        entries = [entry_from_event(event) for event in events]
        wanted = (entry for entry in entries if entry.payload and entry.is_in(reader.rooms))
        self._write(reader, [entry.payload for entry in wanted])
        return entries

    def prepend(self, after: str, entries: Sequence[Entry]) -> None:
        """Let the channel start earlier, and the readers that waited for that follow it."""
        if self._channel.prepend(after, entries):
            self._try_follow_all()

    def _append(self, entries: Sequence[Entry]) -> None:
        self._channel.append(entries)
        self._try_follow_all()
        self._schedule()

    def _try_follow_all(self) -> None:
        for reader in list(self._replaying):
            if self.try_follow(reader) and reader.replay_task is not None:
                reader.replay_task.cancel()

    def _replay(self, reader: Reader) -> None:
        """Serve a reader that is not in the channel, unless it can follow at once."""
        self._following.pop(reader, None)
        self._replaying[reader] = None
        self._counts.catch_ups = len(self._replaying)
        if not self.try_follow(reader):
            reader.replay_task = self._start_replay(self, reader)

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
        channel, end = self._channel, self._channel.end
        frames = sent_bytes = 0
        for reader in list(self._following):
            if reader.place == end or not reader.outlet.is_writable:
                continue
            stretch = reader.read(channel, WRITE_MAX_BYTES)
            if stretch is None:
                self._replay(reader)
                continue
            if stretch.count:
                frames += stretch.count
                sent_bytes += len(stretch.wire)
                reader.outlet.write(stretch.wire)
            if reader.may_be_due:
                self._write_due(reader, stretch.count, begin_s)
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

    def _write_due(self, reader: Reader, count: int, now_s: float) -> None:
        """Write what is due to a reader about its own stream, behind ``count`` events."""
        kind = reader.due_event(count, now_s)
        if kind is not None:
            self._write(reader, [stream_event(kind, reader.cursor or "", time.time_ns())])

    def _write(self, reader: Reader, payloads: Sequence[bytes]) -> None:
        if payloads:
            wire = self._channel.join(payloads)
            self._counts.frames_sent += len(payloads)
            self._counts.bytes_sent += len(wire)
            reader.outlet.write(wire)


def entry_from_event(event: NodeEvent) -> Entry:
    """Encode an event once for all its readers."""
    is_known = event.fields["type"] != UNKNOWN_KIND
    payload = payload_from_fields(event.fields) if is_known else b""
    return Entry(event.cursor, event.room, payload)
