"""Whether a connection's other end still answers, and how fast.

``answering`` pings after a dial, ``keepalive`` for as long as a connection lives.
The ping is yamux's own: one small frame each way on this very connection,
answered by every implementation, without a stream or a negotiation.
"""

from __future__ import annotations

from libp2p.abc import INetConn
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable

from p2pd.net.yamux import YamuxConnection


async def ping(connection: INetConn) -> float:
    """Ask for an answer; returns the round trip in seconds.

    Raises:
        MuxedConnUnavailable: The connection is gone.

    Cancellation: safe; the caller sets the deadline.
    """
    return await _muxer_of(connection).ping()


def last_heard_s(connection: INetConn) -> float:
    """Tell when anything last came from the peer, on trio's clock."""
    return _muxer_of(connection).last_heard_s


def _muxer_of(connection: INetConn) -> YamuxConnection:
    muxed = connection.muxed_conn
    if not isinstance(muxed, YamuxConnection):
        raise MuxedConnUnavailable(f"{type(muxed).__name__} has no ping")
    return muxed
