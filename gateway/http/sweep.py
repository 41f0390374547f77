"""Keeps an eye on all sockets: asks the silent for a sign of life, cuts the stalled.

Run by ``gateway.app``: one task for all of them instead of timers for each.
"""

from __future__ import annotations

import asyncio

import structlog

from gateway.http.socket import Door, WebSocket

log = structlog.get_logger(__name__)

LOOKS = 8
"""Looks within one stall timeout."""
LONGEST_PAUSE_S = 2.0


async def sweep(door: Door, stall_timeout_s: float) -> None:
    """Look after the sockets, for ever."""
    while True:
        await asyncio.sleep(min(LONGEST_PAUSE_S, stall_timeout_s / LOOKS))
        now_s = asyncio.get_running_loop().time()
        for socket in list(door.sockets):
            why = look_after(socket, now_s, stall_timeout_s)
            if why is not None:
                door.services.counts.closes[why] += 1
                log.info("browser cut off", why=why, waiting_bytes=socket.waiting_bytes())
                socket.abort()


def look_after(socket: WebSocket, now_s: float, stall_timeout_s: float) -> str | None:
    """Ping a socket that is silent; return why to cut it, if it is to be cut.

    ``stalled``: bytes wait for it and it took none for the whole time.
    ``silent``: a ping had no answer for the whole time.
    """
    waiting_bytes = socket.waiting_bytes()
    taken_bytes = socket.written_bytes - waiting_bytes
    if taken_bytes > socket.taken_bytes or not waiting_bytes:
        socket.taken_bytes = taken_bytes
        socket.taken_at_s = now_s
    if now_s - socket.taken_at_s >= stall_timeout_s:
        return "stalled"
    if socket.pinged_at_s is not None:
        return "silent" if now_s - socket.pinged_at_s >= stall_timeout_s else None
    if socket.is_writable and now_s - socket.heard_at_s >= stall_timeout_s / 2:
        socket.ping(now_s)
    return None
