"""One stream of a QUIC connection, which keeps its credits itself.

Made by ``connection``.
"""

from __future__ import annotations

from typing import Any, Protocol

import trio

from p2pd.net.muxing.connection import MuxedConnection
from p2pd.net.muxing.stream import BufferedStream
from p2pd.net.quic.core import STREAM_WINDOW_BYTES

WRITE_BYTES = 64 * 1024


class StreamWriter(Protocol):
    """What a stream asks of its connection."""

    def send(self, stream_id: int, data: bytes, *, is_last: bool = False) -> None:
        """Send bytes of a stream."""

    def send_reset(self, stream_id: int) -> None:
        """Notify the peer that a stream is neither written nor read any more."""

    def has_room(self, stream: QuicMuxedStream) -> bool:
        """Return whether a stream may send more; else it is woken later."""

    def grant(self, stream_id: int, size: int) -> None:
        """Let the peer send so much more."""

    def forget(self, stream: QuicMuxedStream) -> None:
        """Drop a stream that has ended."""


class QuicMuxedStream(BufferedStream):
    """A stream; at most a window, 256 KiB, waits here to be read."""

    def __init__(
        self, stream_id: int, connection: MuxedConnection[Any], writer: StreamWriter
    ) -> None:
        super().__init__(stream_id, connection, STREAM_WINDOW_BYTES)
        self._writer = writer

    async def write(self, data: bytes) -> None:
        """Send bytes, as the peer takes them; raises what ``_wait_writable`` does."""
        for offset in range(0, len(data), WRITE_BYTES):
            await self._wait_writable()
            self._writer.send(self.stream_id, data[offset : offset + WRITE_BYTES])
        await trio.lowlevel.checkpoint()

    # What the connection calls; none of it waits.

    def receive_data(self, data: bytes, *, is_last: bool) -> None:
        """Keep received bytes for the reader."""
        if self._is_reset:
            return
        self._received += data
        self._is_read_closed = self._is_read_closed or is_last
        self._changed.unpark_all()
        self._forget_if_done()

    def receive_stop(self) -> None:
        """Handle that the peer reads no more."""
        self._is_write_closed = True
        self._changed.unpark_all()
        self._forget_if_done()

    def wake_writers(self) -> None:
        """Let writers look again whether the peer took something."""
        self._changed.unpark_all()

    def _may_write(self) -> bool:
        return self._writer.has_room(self)

    def _send_end(self) -> None:
        self._writer.send(self.stream_id, b"", is_last=True)

    def _send_reset(self) -> None:
        self._writer.send_reset(self.stream_id)

    def _send_grant(self, size: int) -> None:
        self._writer.grant(self.stream_id, size)

    def _forget(self) -> None:
        self._writer.forget(self)
