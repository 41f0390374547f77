"""A stream through a relay in the place of a socket: what the swarm upgrades.

Made by ``dialling`` and ``accepting``. Noise and yamux run on it as they do on TCP, so
that the relay carries what it cannot read.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
import trio
from libp2p.abc import ConnectionType, INetConn, INetStream
from libp2p.io.abc import ReadWriteCloser
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.network.connection.raw_connection import RawConnection
from multiaddr import Multiaddr

from p2pd.net.relay.addresses import circuit_address
from p2pd.net.relay.messages import UNLIMITED, CircuitLimit
from p2pd.net.streams.opened import muxed_stream_of, reset_quietly

CLOSE_TIMEOUT_S = 0.3
"""For the other end to close as well; less than the muxer gives a socket to close."""
DRAINED_BYTES = 1 << 16
REPLAYED_SHARE = 8

log = structlog.get_logger(__name__)


class CircuitConnection(RawConnection):
    """A connection through a relay, before it is secured.

    Attributes:
        limit: What the relay carries of it.
    """

    def __init__(
        self, stream: INetStream, *, is_initiator: bool, address: Multiaddr, limit: CircuitLimit
    ) -> None:
        super().__init__(_CircuitBytes(stream), is_initiator, ConnectionType.RELAYED, [address])
        self.limit = limit


class _CircuitBytes(ReadWriteCloser):
    """The stream's bytes, whose ends are those of a connection."""

    def __init__(self, stream: INetStream) -> None:
        self._stream = stream
        self._bytes = muxed_stream_of(stream)

    async def read(self, n: int | None = None) -> bytes:
        """Return what has come, at most ``n`` bytes.

        Raises:
            ConnectionClosedError: The circuit has ended.
        """
        try:
            read = await self._bytes.read(n)
        # Boundary: a muxer of another transport ends its streams in its own way.
        except Exception as error:
            raise ConnectionClosedError("the circuit has ended") from error
        return read

    async def write(self, data: bytes) -> None:
        """Write all of it.

        Raises:
            ConnectionClosedError: The circuit has ended.
        """
        try:
            await self._bytes.write(data)
        # Boundary: a muxer of another transport ends its streams in its own way.
        except Exception as error:
            raise ConnectionClosedError("the circuit has ended") from error

    async def close(self) -> None:
        """End the circuit: in order where the other end does so too, else by a reset."""
        with trio.move_on_after(CLOSE_TIMEOUT_S):
            try:
                await self._bytes.close()
                while await self._bytes.read(DRAINED_BYTES):
                    pass
            # Boundary: however the stream ended, it has.
            except Exception as error:
                log.debug("circuit ended", error=repr(error))
        await reset_quietly(self._stream)

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return none: the socket below is the relay's."""
        return None


def limit_of(connection: INetConn) -> CircuitLimit:
    """Return what a relay carries of a connection; a direct one has no limit."""
    secured: Any = getattr(connection.muxed_conn, "secured_conn", None)
    raw = getattr(secured, "raw", None)
    return raw.limit if isinstance(raw, CircuitConnection) else UNLIMITED


def replay_bytes(connections: Iterable[INetConn]) -> float:
    """Return how much may be sent to a peer at once that it may have already.

    Where relays limit every connection to it, a small part of the limit: else the
    same beginning would use up one circuit after the other.
    """
    limits = [limit_of(each).max_bytes for each in connections if not each.is_closed]
    return max(limits) / REPLAYED_SHARE if limits and all(limits) else float("inf")


def address_behind(connection: INetConn) -> Multiaddr:
    """Write the address of whoever is reached through the peer of a connection.

    Raises:
        ValueError: The connection's own address is not known.
    """
    addresses = connection.get_transport_addresses()
    if not addresses:
        raise ValueError("the relay's address is not known")
    return circuit_address(addresses[0], connection.muxed_conn.peer_id)
