"""Ping each connection of which nothing came for 5 s, and close it when the peer hangs (16).

A peer that was stopped keeps its TCP connection; nothing else notices it. A peer that
pings is there, so only one end of a quiet connection has to, whichever is first; the
round trip is measured every 30 s at least. Run by ``watch`` for each connection.
"""

from __future__ import annotations

import random

import structlog
import trio
from libp2p.abc import INetConn
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable

from p2pd.net.connections.ping import last_heard_s, ping
from p2pd.net.connections.registry import OpenConnection

log = structlog.get_logger(__name__)

FIRST_WITHIN_S = 1.0
INTERVAL_S = 5.0
MEASURE_EVERY_S = 30.0
TIMEOUT_S = 10.0
GRACE_S = 1.0
"""A hung peer is gone after 16 s at most. The grace is for this node itself: one
that was held up finds its deadlines passed before it reads what came."""
CLOSE_TIMEOUT_S = 2.0


class Keepalive:
    """Ping one connection until it is closed, by the peer or for its silence."""

    def __init__(self, opened: OpenConnection) -> None:
        self._opened = opened
        self._timeout_s = TIMEOUT_S
        self._hurried = trio.Event()
        self._asking = trio.CancelScope()

    def hurry(self, within_s: float) -> None:
        """Ping at once, and close the connection unless the peer answers in so many seconds."""
        self._timeout_s = within_s
        self._hurried.set()
        self._asking.deadline = min(self._asking.deadline, trio.current_time() + within_s)

    async def run(self) -> None:
        """Ping until the connection is closed."""
        await self._rest(FIRST_WITHIN_S * random.random())
        while not self._opened.connection.is_closed:
            if not await self._answers():
                await close_quietly(self._opened.connection)
                return
            await self._rest_until_due()

    async def _rest_until_due(self) -> None:
        """Wait until a ping is due: nothing came for a while, or the last one is long ago."""
        measure_s = trio.current_time() + MEASURE_EVERY_S
        while not self._opened.connection.is_closed:
            silent_s = last_heard_s(self._opened.connection) + INTERVAL_S * random.uniform(0.8, 1.0)
            delay_s = min(silent_s, measure_s) - trio.current_time()
            if delay_s <= 0.0 or await self._rest(delay_s):
                return

    async def _rest(self, delay_s: float) -> bool:
        """Wait; return whether somebody hurries."""
        with trio.move_on_after(delay_s):
            await self._hurried.wait()
        if not self._hurried.is_set():
            return False
        self._hurried = trio.Event()
        return True

    async def _answers(self) -> bool:
        opened, asked_s = self._opened, trio.current_time()
        timeout_s, self._timeout_s = self._timeout_s, TIMEOUT_S
        try:
            with trio.CancelScope(deadline=asked_s + timeout_s) as self._asking:
                opened.round_trip_s = await ping(opened.connection)
                return True
        except MuxedConnUnavailable:
            return False
        await trio.sleep(GRACE_S)
        # A peer that is busy sending is alive, however late its answer.
        is_alive = last_heard_s(opened.connection) > asked_s
        if not is_alive:
            log.info("peer hangs", peer_id=str(opened.peer_id))
        return is_alive


async def close_quietly(connection: INetConn) -> None:
    """Close a connection, within 2 s and whatever becomes of it."""
    with trio.move_on_after(CLOSE_TIMEOUT_S):
        try:
            await connection.close()
        # A connection that breaks while it is closed is closed.
        except Exception as error:
            log.debug("connection broke while closing", error=repr(error))
