"""One stream of a QUIC connection: what was received and not yet read.

Made by ``connection``, used by the library through ``IMuxedStream``.
"""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING

import trio
from libp2p.abc import IMuxedStream
from libp2p.stream_muxer.exceptions import (
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamError,
    MuxedStreamReset,
)

from p2pd.net.quic.core import STREAM_WINDOW_BYTES

if TYPE_CHECKING:
    from p2pd.net.quic.connection import QuicMuxer

STALL_TIMEOUT_S = 20.0
"""How long a peer may take nothing before the stream is reset: nobody reads."""
WRITE_BYTES = 64 * 1024


class QuicMuxedStream(IMuxedStream):
    """A stream; at most a window, 256 KiB, waits here to be read."""

    def __init__(self, stream_id: int, connection: QuicMuxer) -> None:
        self.stream_id = stream_id
        self.muxed_conn = connection
        self._connection = connection
        self._received = bytearray()
        self._read_since_grant = 0
        self._changed = trio.lowlevel.ParkingLot()
        self._is_reset = False
        self._is_write_closed = False
        self._is_read_closed = False
        self.write_closed_at_s: float | None = None

    # What the library calls.

    async def read(self, n: int | None = None) -> bytes:
        """Return what has come, at most ``n`` bytes; wait where nothing has.

        Raises:
            MuxedStreamEOF: The peer has said all.
            MuxedStreamReset: The stream was reset, or its connection is gone.
        """
        if n == 0:
            return b""
        while not self._received:
            if self._is_reset:
                raise MuxedStreamReset("stream was reset")
            if self._is_read_closed:
                raise MuxedStreamEOF("stream is at its end")
            await self._changed.park()
        size = len(self._received) if n is None or n < 0 else min(n, len(self._received))
        taken = bytes(self._received[:size])
        del self._received[:size]
        self._grant(size)
        return taken

    async def write(self, data: bytes) -> None:
        """Send bytes, as the peer takes them.

        Raises:
            MuxedStreamClosed: This side has said that it sends no more.
            MuxedStreamReset: The stream was reset, or its connection is gone.
            MuxedStreamError: The peer took nothing for 20 s.
        """
        for offset in range(0, len(data), WRITE_BYTES):
            await self._wait_room()
            self._connection.send(self.stream_id, data[offset : offset + WRITE_BYTES])
        await trio.lowlevel.checkpoint()

    async def close(self) -> None:
        """Say that this side sends no more; what the peer sends can still be read."""
        if not self._is_write_closed and not self._is_reset:
            self._is_write_closed = True
            self.write_closed_at_s = trio.current_time()
            self._connection.send(self.stream_id, b"", is_last=True)
            self._forget_if_done()
        await trio.lowlevel.checkpoint()

    async def reset(self) -> None:
        """End the stream in both directions at once."""
        self.abandon()
        await trio.lowlevel.checkpoint()

    def abandon(self) -> None:
        """Reset without a checkpoint, for callers that are not a task of their own."""
        if not self._is_reset and not self._is_done:
            self._connection.send_reset(self.stream_id)
        self.take_reset()

    def set_deadline(self, ttl: int) -> None:
        """Refuse: callers bound their own time."""
        raise NotImplementedError("use a cancel scope")

    def get_remote_address(self) -> tuple[str, int] | None:
        """Return the address of the connection's other end."""
        return self._connection.get_remote_address()

    async def __aenter__(self) -> QuicMuxedStream:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc_val: BaseException | None,
        exc_tb: TracebackType | None,
    ) -> None:
        await self.close()

    # What the connection calls; none of it waits.

    @property
    def unread_bytes(self) -> int:
        """How much was received and not yet read."""
        return len(self._received)

    def is_closed(self) -> bool:
        """Return whether the stream has ended in both directions."""
        return self._is_reset or self._is_done

    def take_data(self, data: bytes, *, is_last: bool) -> None:
        """Keep received bytes for the reader."""
        if self._is_reset:
            return
        self._received += data
        self._is_read_closed = self._is_read_closed or is_last
        self._changed.unpark_all()
        self._forget_if_done()

    def take_stop(self) -> None:
        """Note that the peer reads no more."""
        self._is_write_closed = True
        self._changed.unpark_all()
        self._forget_if_done()

    def take_reset(self) -> None:
        """Note that the stream is gone."""
        self._is_reset = True
        self._is_read_closed = self._is_write_closed = True
        self._received.clear()
        self._changed.unpark_all()
        self._connection.forget(self)

    def take_end(self) -> None:
        """Note that the connection has ended; what came can still be read."""
        self._is_reset = True
        self._changed.unpark_all()

    def wake_writers(self) -> None:
        """Let writers look again whether the peer took something."""
        self._changed.unpark_all()

    async def _wait_room(self) -> None:
        """Wait until the peer takes data; a stalled one loses the stream."""
        deadline_s = trio.current_time() + STALL_TIMEOUT_S
        while True:
            if self._is_reset:
                raise MuxedStreamReset("stream was reset")
            if self._is_write_closed:
                raise MuxedStreamClosed("stream is closed for writing")
            if self._connection.has_room(self):
                return
            with trio.move_on_at(deadline_s) as scope:
                await self._changed.park()
            if scope.cancelled_caught:
                self.abandon()
                raise MuxedStreamError("the peer reads nothing")

    def _grant(self, size: int) -> None:
        """Grant credit for what was read, half a window at once."""
        self._read_since_grant += size
        if self._read_since_grant < STREAM_WINDOW_BYTES // 2 or self._is_read_closed:
            return
        granted, self._read_since_grant = self._read_since_grant, 0
        self._connection.grant(self.stream_id, granted)

    @property
    def _is_done(self) -> bool:
        return self._is_write_closed and self._is_read_closed

    def _forget_if_done(self) -> None:
        if self._is_done:
            self._connection.forget(self)
