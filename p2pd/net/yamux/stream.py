"""One stream of a yamux connection, and its credits.

Made by ``connection``.
"""

from __future__ import annotations

from typing import Any, Protocol

import trio

from p2pd.net.muxing.connection import MuxedConnection
from p2pd.net.muxing.stream import BufferedStream
from p2pd.net.yamux.frames import (
    INITIAL_WINDOW_BYTES,
    MAX_DATA_BYTES,
    Flag,
    FrameType,
    ProtocolError,
    encode_frame,
)


class FrameWriter(Protocol):
    """What a stream asks of its connection."""

    @property
    def is_free(self) -> bool:
        """Whether ``send_now`` sends at once."""

    def send(self, frame: bytes) -> None:
        """Put a frame into the outbox."""

    def send_now(self, frame: bytes) -> None:
        """Send a frame at once where the socket takes it, else put it into the outbox."""

    async def wait_room(self) -> None:
        """Wait while too much is in the outbox."""

    def forget(self, stream: YamuxStream) -> None:
        """Drop a stream that has ended."""


class YamuxStream(BufferedStream):
    """A stream; at most a window, 256 KiB, waits here to be read."""

    def __init__(
        self, stream_id: int, connection: MuxedConnection[Any], writer: FrameWriter
    ) -> None:
        super().__init__(stream_id, connection, INITIAL_WINDOW_BYTES)
        self._writer = writer
        self._send_credit = INITIAL_WINDOW_BYTES
        self._receive_credit = INITIAL_WINDOW_BYTES

    async def write(self, data: bytes) -> None:
        """Send bytes, as the peer's credit and the connection allow.

        Raises what ``_wait_writable`` does.
        """
        offset = 0
        while offset < len(data):
            await self._wait_writable()
            size = min(self._send_credit, MAX_DATA_BYTES, len(data) - offset)
            self._send_credit -= size
            header = encode_frame(FrameType.DATA, Flag.NONE, self.stream_id, size)
            self._writer.send_now(header + data[offset : offset + size])
            offset += size
            await self._writer.wait_room()
        if not data:
            await trio.lowlevel.checkpoint()

    def can_write_now(self, size: int) -> bool:
        """Return whether so many bytes can be sent at once, by ``write_now``."""
        is_open = not (self._is_reset or self._is_write_closed)
        return is_open and size <= min(self._send_credit, MAX_DATA_BYTES) and self._writer.is_free

    def write_now(self, data: bytes) -> None:
        """Send bytes at once; what the socket does not take goes before all that comes later."""
        self._send_credit -= len(data)
        header = encode_frame(FrameType.DATA, Flag.NONE, self.stream_id, len(data))
        self._writer.send_now(header + data)

    # What the connection's reader calls; none of it waits.

    def receive_data(self, data: bytes | bytearray) -> None:
        """Keep received bytes for the reader.

        Raises:
            ProtocolError: More than the peer was granted (20).
        """
        self._receive_credit -= len(data)
        if self._receive_credit < 0:
            raise ProtocolError("peer sent more than its window")
        if data and not self._is_reset:
            self._received += data
            self._changed.unpark_all()

    def receive_credit(self, size: int) -> None:
        """Take the peer's permission to send more."""
        self._send_credit += size
        self._changed.unpark_all()

    def receive_fin(self) -> None:
        """Handle that the peer sends no more."""
        self._is_read_closed = True
        self._changed.unpark_all()
        self._forget_if_done()

    def _may_write(self) -> bool:
        return self._send_credit > 0

    def _send_end(self) -> None:
        self._send_update(Flag.FIN, 0)

    def _send_reset(self) -> None:
        self._send_update(Flag.RST, 0)

    def _send_grant(self, size: int) -> None:
        self._receive_credit += size
        self._send_update(Flag.NONE, size)

    def _send_update(self, flag: int, size: int) -> None:
        self._writer.send(encode_frame(FrameType.WINDOW_UPDATE, flag, self.stream_id, size))

    def _forget(self) -> None:
        self._writer.forget(self)
