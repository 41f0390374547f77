"""One browser as the fan-out and the catch-ups serve it: its way through the events, its socket."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol

from gateway.channel.events import stream_event
from gateway.channel.follower import Follower
from gateway.channel.log import Join
from gateway.counts import Counts


class Outlet(Protocol):
    """Where events go: a browser's socket."""

    @property
    def is_writable(self) -> bool:
        """Whether the socket takes more; ``Fanout.resume`` is called when it does again."""

    def write(self, wire: bytes) -> None:
        """Write what the channel's ``join`` made; never waits."""

    def limit_waiting(self, max_bytes: int | None) -> None:
        """Be not writable while more than this waits here; None is what the setting says."""


class Reader(Follower):
    """One browser's way through the events, with its socket.

    Attributes:
        is_queued: Whether it has a turn coming in ``CatchUps``.
    """

    __slots__ = ("is_queued", "outlet")

    def __init__(self, outlet: Outlet, after: str | None, rooms: frozenset[str]) -> None:
        super().__init__(after, rooms, time.monotonic())
        self.outlet = outlet
        self.is_queued = False


class Pen:
    """Write payloads to readers, and count them."""

    def __init__(self, join: Join, counts: Counts) -> None:
        self._join = join
        self._counts = counts

    def write(self, reader: Reader, payloads: Sequence[bytes]) -> None:
        """Write some payloads to one reader."""
        if payloads:
            self.write_wire(reader, self._join(payloads), len(payloads))

    def write_wire(self, reader: Reader, wire: bytes, count: int) -> None:
        """Write ``count`` payloads that were joined before."""
        self._counts.frames_sent += count
        self._counts.bytes_sent += len(wire)
        reader.outlet.write(wire)

    def write_due(self, reader: Reader, count: int, now_s: float) -> None:
        """Write what is due to a reader about its own stream, behind ``count`` events."""
        kind = reader.due_event(count, now_s)
        if kind is not None:
            self.write(reader, [stream_event(kind, reader.cursor or "", time.time_ns())])
