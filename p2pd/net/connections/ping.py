"""Whether a connection's other end still answers, and how fast.

``answering`` pings after a dial, ``keepalive`` for as long as a connection lives.
Each transport has a probe of its own: yamux has a ping, one small frame each way on
this very connection, answered by every implementation without a stream or a
negotiation; QUIC has PING frames.
"""

from __future__ import annotations

from typing import Protocol, cast

from libp2p.abc import INetConn
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable


class Probed(Protocol):
    """What the muxed connection of every transport has, so that a hung peer is noticed.

    Attributes:
        last_heard_s: When anything last came from the peer, on trio's clock.
        last_used_s: When anything but probes did.
    """

    last_heard_s: float
    last_used_s: float

    async def ping(self) -> float:
        """Ask for an answer; returns the round trip in seconds.

        Raises:
            MuxedConnUnavailable: The connection is gone.

        Cancellation: safe; the caller sets the deadline.
        """


async def ping(connection: INetConn) -> float:
    """Ask for an answer; returns the round trip in seconds.

    Raises:
        MuxedConnUnavailable: The connection is gone.

    Cancellation: safe; the caller sets the deadline.
    """
    return await _probed(connection).ping()


def last_heard_s(connection: INetConn) -> float:
    """Return when anything last came from the peer, on trio's clock."""
    return _probed(connection).last_heard_s


def last_used_s(connection: INetConn) -> float:
    """Return when anything but probes last came from the peer, on trio's clock."""
    return _probed(connection).last_used_s


def _probed(connection: INetConn) -> Probed:
    muxed = connection.muxed_conn
    # Not a check of the protocol itself, which takes longer than the ping.
    if not hasattr(muxed, "ping"):
        raise MuxedConnUnavailable(f"{type(muxed).__name__} has no ping")
    return cast(Probed, muxed)
