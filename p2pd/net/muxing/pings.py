"""The pings of one connection that wait for their answers. Owned by ``connection``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable

LAST_ID = 0xFFFF_FFFF


@dataclass(slots=True)
class Ping:
    """One question; ``round_trip_s`` stays None where no answer came."""

    ping_id: int
    sent_s: float
    ended: trio.Event = field(default_factory=trio.Event)
    round_trip_s: float | None = None


class Pings:
    """Give each ping a name of its own and find it again by that."""

    def __init__(self) -> None:
        self._waiting: dict[int, Ping] = {}
        self._last_id = 0
        self._is_over = False

    async def measure_s(self, send: Callable[[int], None]) -> float:
        """Send a ping and return the round trip.

        Raises:
            MuxedConnUnavailable: The connection ended before an answer came.

        Cancellation: safe; the caller sets the deadline.
        """
        if not self._is_over:
            with self._asked(send) as ping:
                await ping.ended.wait()
            if ping.round_trip_s is not None:
                return ping.round_trip_s
        raise MuxedConnUnavailable("connection is closed")

    @contextmanager
    def _asked(self, send: Callable[[int], None]) -> Iterator[Ping]:
        """Send a ping and know its answer inside the block."""
        self._last_id = (self._last_id + 1) & LAST_ID
        ping = self._waiting[self._last_id] = Ping(self._last_id, trio.current_time())
        try:
            send(ping.ping_id)
            yield ping
        finally:
            del self._waiting[ping.ping_id]

    def receive_answer(self, ping_id: int) -> None:
        """Take an answer; one to no question is passed over."""
        if ping := self._waiting.get(ping_id):
            ping.round_trip_s = trio.current_time() - ping.sent_s
            ping.ended.set()

    def give_up(self) -> None:
        """Wake everybody who waits: no answer will come, to later pings neither."""
        self._is_over = True
        for ping in self._waiting.values():
            ping.ended.set()
