"""Whether a connection's other end still answers, and how fast.

``service`` pings after a dial, ``keepalive`` for as long as a connection lives.
"""

from __future__ import annotations

import secrets

import trio
from libp2p.abc import INetConn
from libp2p.host.ping import ID as PING
from libp2p.host.ping import PING_LENGTH
from libp2p.io.utils import read_exactly
from libp2p.protocol_muxer.multiselect_client import MultiselectClient
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator

NEGOTIATION_TIMEOUT_S = 10
RESET_TIMEOUT_S = 1.0


async def ping(connection: INetConn) -> float:
    """Ask for an echo over this very connection; returns the round trip in seconds.

    Raises:
        Exception: The connection is gone, or what comes back is no echo.

    Cancellation: safe; the caller sets the deadline.
    """
    stream = await connection.new_stream()
    try:
        client = MultiselectClient()
        await client.select_one_of([PING], MultiselectCommunicator(stream), NEGOTIATION_TIMEOUT_S)
        payload = secrets.token_bytes(PING_LENGTH)
        started_s = trio.current_time()
        await stream.write(payload)
        if await read_exactly(stream, PING_LENGTH) != payload:
            raise ConnectionError("the peer's echo is not what was sent")
        return trio.current_time() - started_s
    finally:
        with trio.move_on_after(RESET_TIMEOUT_S) as scope:
            scope.shield = True
            await stream.reset()
