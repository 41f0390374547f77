"""A TCP socket read and written with one turn of the loop a read and none a write.

Used by ``p2pd.net.noise`` under a secured connection, which one task reads and one
writes. The library takes a lock around each, and trio's streams yield after each: a
turn of the loop, with a look at every socket, for every one of them (7).
"""

from __future__ import annotations

import os

import trio
from libp2p.abc import IRawConnection
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection

READ_BYTES = 64 * 1024


class DirectSocket:
    """Reads and writes for one task each; whoever made the socket closes it."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._socket = stream.socket

    async def read(self, max_bytes: int) -> bytes:
        """Return what has come; nothing where the socket was closed at either end.

        Raises:
            ConnectionClosedError: The connection broke.
        """
        try:
            while True:
                await trio.lowlevel.wait_readable(self._socket)  # type: ignore[arg-type]
                try:
                    return os.read(self._socket.fileno(), min(max_bytes, READ_BYTES))
                except BlockingIOError:
                    continue
        except trio.ClosedResourceError:
            return b""
        except OSError as error:
            raise ConnectionClosedError(f"TCP connection broke: {error}") from error

    def write_now(self, data: bytes) -> int:
        """Write what the kernel takes at once; return how many bytes that is.

        Raises:
            ConnectionClosedError: The connection broke or is closed.
        """
        try:
            return os.write(self._socket.fileno(), data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ConnectionClosedError(f"TCP connection broke: {error}") from error

    async def write(self, data: bytes) -> None:
        """Write all of it; yields only where the kernel does not take it at once.

        Raises:
            ConnectionClosedError: The connection broke or is closed.
        """
        written = self.write_now(data)
        while written < len(data):
            try:
                await trio.lowlevel.wait_writable(self._socket)  # type: ignore[arg-type]
            except trio.ClosedResourceError as error:
                raise ConnectionClosedError("TCP connection is closed") from error
            written += self.write_now(data[written:])


def direct_socket_of(raw: IRawConnection) -> DirectSocket | None:
    """Return the socket of a plain TCP connection; None where others are between."""
    if isinstance(raw, RawConnection) and type(raw.stream) is TrioTCPStream:
        return DirectSocket(raw.stream.stream)
    return None
