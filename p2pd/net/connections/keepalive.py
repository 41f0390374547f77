"""Measure each connection every 5 s, and close the one whose peer hangs (16).

A peer that was stopped keeps its TCP connection; nothing else notices it.
Started by ``watch`` for each connection.
"""

from __future__ import annotations

import random

import structlog
import trio
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable

from p2pd.net.connections.ping import last_heard_s, ping
from p2pd.net.connections.registry import OpenConnection

log = structlog.get_logger(__name__)

FIRST_WITHIN_S = 1.0
INTERVAL_S = 5.0
TIMEOUT_S = 10.0
GRACE_S = 1.0
"""A hung peer is gone after 16 s at most. The grace is for this node itself: one
that was held up finds its deadlines passed before it reads what came."""
CLOSE_TIMEOUT_S = 2.0


async def keep_alive(opened: OpenConnection) -> None:
    """Ping until the connection is closed, by the peer or for its silence."""
    await trio.sleep(FIRST_WITHIN_S * random.random())
    while not opened.connection.is_closed:
        if not await _answers(opened):
            await close_quietly(opened)
            return
        await trio.sleep(INTERVAL_S * random.uniform(0.8, 1.0))


async def _answers(opened: OpenConnection) -> bool:
    asked_s = trio.current_time()
    try:
        with trio.fail_after(TIMEOUT_S):
            opened.round_trip_s = await ping(opened.connection)
    except trio.TooSlowError:
        await trio.sleep(GRACE_S)
        # A peer that is busy sending is alive, however late its answer.
        is_alive = last_heard_s(opened.connection) > asked_s
        if not is_alive:
            log.info("peer hangs", peer_id=str(opened.peer_id))
        return is_alive
    except MuxedConnUnavailable:
        return False
    return True


async def close_quietly(opened: OpenConnection) -> None:
    """Close a connection, within 2 s and whatever becomes of it."""
    with trio.move_on_after(CLOSE_TIMEOUT_S):
        try:
            await opened.connection.close()
        # A connection that breaks while it is closed is closed.
        except Exception as error:
            log.debug("connection broke while closing", error=repr(error))
