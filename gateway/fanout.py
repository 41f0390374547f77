"""The fan-out: brings what the node tells to every browser that said hello.

Fed by the one upstream stream; used by ``gateway.browser``. A reader either
follows the shared channel from a place of its own, or catches up over a call of
its own until it meets the channel. One wake-up writes to each follower once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from gateway.channel import Channel, Entry
from gateway.counts import Counts
from gateway.frames import LinkState, NodeEvent, cursor_behind, node_state, wire_from_fields
from gateway.view import View

WRITE_MAX_BYTES = 64 * 1024
"""About what one wake-up writes to one browser."""
REST_SHARE = 0.1
"""How long the fan-out rests after a wake-up, in times of what that took."""
LEAST_REST_S = 0.001
"""What timers can tell apart; few browsers are served without a rest."""


class Outlet(Protocol):
    """Where frames go: a browser's socket."""

    @property
    def is_writable(self) -> bool:
        """Whether the socket takes more; ``Reader.resume`` is called when it does again."""

    def write(self, wire: bytes) -> None:
        """Send frames; never waits."""


class Reader:
    """One browser's way through the events.

    Attributes:
        cursor: That of the last event written; None when from the present.
        place: Its place in the channel; None while it catches up.
        knows_state: Whether it was sent a snapshot that still holds.
    """

    __slots__ = ("catch_up", "cursor", "knows_state", "outlet", "place", "rooms", "writable")

    def __init__(self, outlet: Outlet, after: str | None, rooms: frozenset[str]) -> None:
        self.outlet = outlet
        self.rooms = rooms
        self.cursor = after
        self.place: int | None = None
        self.knows_state = False
        self.catch_up: asyncio.Task[None] | None = None
        self.writable: asyncio.Event | None = None

    async def wait_writable(self) -> None:
        """Wait until the socket takes more."""
        while not self.outlet.is_writable:
            self.writable = asyncio.Event()
            await self.writable.wait()


StartCatchUp = Callable[["Fanout", Reader], "asyncio.Task[None]"]


class Fanout:
    """All readers, the channel they share and the state they begin with.

    Args:
        start_catch_up: Starts the task that serves a reader until it meets the
            channel.
    """

    def __init__(
        self, channel: Channel, view: View, counts: Counts, start_catch_up: StartCatchUp
    ) -> None:
        self._channel = channel
        self._view = view
        self._counts = counts
        self._start_catch_up = start_catch_up
        self._state: LinkState = "away"
        self._following: dict[Reader, None] = {}
        self._catching_up: dict[Reader, None] = {}
        self._is_busy = False
        """Whether a wake-up is due, under way or resting."""
        self._is_wanted = False

    def tell(self, events: Sequence[NodeEvent]) -> None:
        """Take in events of the upstream stream; the very first is a snapshot.

        Nobody needs that one as a frame: whoever follows begins with the view's.
        """
        self._counts.events += len(events)
        is_first = self._view.node is None
        for event in events:
            self._view.apply(event.fields)
        if is_first:
            self._channel.begin(events[0].cursor)
        self._append([entry_from_event(event) for event in events[is_first:]])

    def tell_state(self, state: LinkState) -> None:
        """Tell everybody whether the node is heard."""
        self._state = state
        self._counts.node_away += state == "away"
        wire = node_state(state)
        for reader in self._catching_up:
            self._write(reader, wire, 1)
        self._append([Entry(self._channel.cursor, None, wire)])

    def greet(self, outlet: Outlet, after: str | None, rooms: frozenset[str]) -> Reader:
        """Begin to serve a browser: the state, what it missed, then what happens."""
        reader = Reader(outlet, after, rooms)
        self._catch_up(reader)
        if self._state == "away":
            self._write(reader, node_state("away"), 1)
        return reader

    def leave(self, reader: Reader) -> None:
        """Stop serving a browser."""
        self._following.pop(reader, None)
        self._catching_up.pop(reader, None)
        self._counts.catch_ups = len(self._catching_up)
        if reader.catch_up is not None:
            reader.catch_up.cancel()

    def resume(self, reader: Reader) -> None:
        """Go on with a browser whose socket takes more again."""
        if reader.writable is not None:
            reader.writable.set()
            reader.writable = None
        if reader in self._following:
            self._schedule()

    def holds(self, cursor: str) -> bool:
        """Tell whether a reader at this cursor could follow the channel."""
        return self._channel.place_after(cursor) is not None

    def meet(self, reader: Reader) -> bool:
        """Let a reader that catches up follow the channel if its cursor is in it.

        Returns:
            Whether it follows; its catch-up is over then.
        """
        place = self._place_of(reader)
        if place is None:
            return reader in self._following
        if not reader.knows_state:
            reader.cursor = self._channel.cursor if reader.cursor is None else reader.cursor
            self._write(reader, self._view.snapshot(reader.cursor), 1)
            reader.knows_state = True
        self._catching_up.pop(reader, None)
        self._counts.catch_ups = len(self._catching_up)
        self._following[reader] = None
        reader.place = place
        if place < self._channel.end:
            self._schedule()
        return True

    def write(self, reader: Reader, events: Sequence[NodeEvent]) -> list[Entry]:
        """Write what a catch-up brought; the last cursor becomes the reader's.

        Returns:
            The events as the channel would hold them.
        """
        if not events:
            return []
        for event in events:
            reader.cursor = cursor_behind(event, reader.cursor)
        reader.knows_state = True
        entries = [entry_from_event(event) for event in events]
        wires = [entry.wire for entry in entries if entry.is_in(reader.rooms)]
        self._write(reader, b"".join(wires), len(wires))
        return entries

    @property
    def room_bytes(self) -> int:
        """How much of the past the channel could take."""
        return self._channel.room_bytes

    def prepend(self, after: str, entries: Sequence[Entry]) -> None:
        """Let the channel begin earlier, and those who waited for that follow it."""
        if self._channel.prepend(after, entries):
            self._meet_all()

    def _place_of(self, reader: Reader) -> int | None:
        """Return where a reader that catches up can follow, if anywhere."""
        if reader not in self._catching_up or self._view.node is None:
            return None
        if reader.cursor is None:
            return self._channel.end
        return self._channel.place_after(reader.cursor)

    def _append(self, entries: Sequence[Entry]) -> None:
        self._channel.append(entries)
        self._meet_all()
        self._schedule()

    def _meet_all(self) -> None:
        for reader in list(self._catching_up):
            if self.meet(reader) and reader.catch_up is not None:
                reader.catch_up.cancel()

    def _catch_up(self, reader: Reader) -> None:
        """Serve a reader that is not in the channel, or let it follow if it can at once."""
        reader.place = None
        reader.knows_state = False
        self._following.pop(reader, None)
        self._catching_up[reader] = None
        self._counts.catch_ups = len(self._catching_up)
        if not self.meet(reader):
            reader.catch_up = self._start_catch_up(self, reader)

    def _schedule(self) -> None:
        """Have one wake-up, however many appends come before it."""
        self._is_wanted = True
        if not self._is_busy and self._following:
            self._is_busy = True
            asyncio.get_running_loop().call_soon(self._wake_up)

    def _wake_up(self) -> None:
        begin_s = time.monotonic()
        self._is_wanted = False
        end = self._channel.end
        for reader in list(self._following):
            place = reader.place
            if place is None or place == end or not reader.outlet.is_writable:
                continue
            stretch = self._channel.read(place, reader.rooms, WRITE_MAX_BYTES)
            if stretch is None:
                self._catch_up(reader)
                continue
            reader.place = stretch.end
            reader.cursor = stretch.cursor
            if stretch.frames:
                self._write(reader, stretch.wire, stretch.frames)
            self._is_wanted |= stretch.end < end and reader.outlet.is_writable
        # The loop writes to the sockets at the end of its turn: in the next one
        # it is known what this wake-up took.
        asyncio.get_running_loop().call_soon(self._rest, begin_s)

    def _rest(self, begin_s: float) -> None:
        """Let more events gather where a wake-up takes long, and others have a turn.

        A write to a thousand sockets costs about the same for one frame as for ten.
        """
        rest_s = (time.monotonic() - begin_s) * REST_SHARE
        if rest_s >= LEAST_REST_S:
            asyncio.get_running_loop().call_later(rest_s, self._end_rest)
        else:
            self._end_rest()

    def _end_rest(self) -> None:
        self._is_busy = False
        if self._is_wanted:
            self._schedule()

    def _write(self, reader: Reader, wire: bytes, frames: int) -> None:
        self._counts.frames_sent += frames
        self._counts.bytes_sent += len(wire)
        reader.outlet.write(wire)


def entry_from_event(event: NodeEvent) -> Entry:
    """Encode an event once for all its readers."""
    return Entry(event.cursor, event.room, wire_from_fields(event.fields))
