"""Looks after all connections: pings the silent, cuts the stalled.

Run by ``gateway.app``: one task for all of them instead of timers for each.
"""

from __future__ import annotations

import asyncio

import structlog

from gateway.http.connection import HttpConnection
from gateway.http.door import Door, OpenSocket

log = structlog.get_logger(__name__)

LOOKS = 8
"""Looks within one stall timeout."""
LONGEST_PAUSE_S = 2.0
REQUEST_TIMEOUT_S = 30.0
"""How long a client may take to send one request."""


async def sweep(door: Door, stall_timeout_s: float) -> None:
    """Look after the connections, for ever."""
    while True:
        await asyncio.sleep(min(LONGEST_PAUSE_S, stall_timeout_s / LOOKS))
        try:
            look_after_all(door, asyncio.get_running_loop().time(), stall_timeout_s)
        except Exception:
            # The boundary of the sweep: one connection must not end the gateway.
            log.exception("sweep failed")


def look_after_all(door: Door, now_s: float, stall_timeout_s: float) -> None:
    """Look at every connection once."""
    for socket in list(door.sockets):
        _cut(door, socket, reason_to_cut_socket(socket, now_s, stall_timeout_s))
    for connection in door.requests:
        _cut(door, connection, reason_to_cut_request(connection, now_s, stall_timeout_s))


def reason_to_cut_socket(socket: OpenSocket, now_s: float, stall_timeout_s: float) -> str | None:
    """Ping a socket that is silent; return why to cut it, if it is to be cut.

    ``stalled``: bytes wait for it and it drained too few for the whole time.
    ``silent``: a ping had no answer for the whole time.
    """
    if not socket.waiting_bytes():
        socket.draining.reset()
    elif socket.draining.is_stalled(now_s, socket.drained_bytes(), stall_timeout_s):
        return "stalled"
    if socket.pinged_at_s is not None:
        return "silent" if now_s - socket.pinged_at_s >= stall_timeout_s else None
    if socket.is_writable and now_s - socket.heard_at_s >= stall_timeout_s / 2:
        socket.ping(now_s)
    return None


def reason_to_cut_request(
    connection: HttpConnection, now_s: float, stall_timeout_s: float
) -> str | None:
    """Return why to cut an HTTP connection, if it is to be cut.

    ``stalled``: an answer waits for it and it drained too little for the whole time.
    ``slow_request``: it takes too long to send its request.
    """
    if not connection.waiting_bytes():
        connection.draining.reset()
    elif connection.draining.is_stalled(now_s, connection.drained_bytes(), stall_timeout_s):
        return "stalled"
    since_s = connection.receiving_since_s
    if since_s is not None and now_s - since_s >= REQUEST_TIMEOUT_S:
        return "slow_request"
    return None


def _cut(door: Door, connection: OpenSocket | HttpConnection, reason: str | None) -> None:
    if reason is None:
        return
    door.services.counts.closes[reason] += 1
    log.info("connection cut off", reason=reason, waiting_bytes=connection.waiting_bytes())
    connection.abort()
