"""Frames on a stream: a protobuf after its length as an unsigned varint.

Used by the sessions of this package. Everything sent and received counts
against the session's bound of bytes.
"""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import DecodeError
from wsp.sync.v1 import sync_pb2

from p2pd.domain.rejections import RejectionReason
from p2pd.sync.errors import SyncAbuseError, SyncClosedError, SyncRefusedError
from p2pd.sync.ports import ByteStream

MAX_FRAME_BYTES = 1 << 20
_MAX_LENGTH_BYTES = 3
_READ_BYTES = 1 << 16


class FrameStream:
    """One stream of frames, both ways.

    Attributes:
        bytes_sent: Sent so far, lengths included.
        bytes_received: Received so far, lengths included.

    Args:
        max_bytes: That may be received.
        on_moved: Told of all bytes so far, whenever some have gone or come.
    """

    def __init__(
        self,
        stream: ByteStream,
        max_bytes: int,
        on_moved: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.bytes_sent = 0
        self.bytes_received = 0
        self._stream = stream
        self._max_bytes = max_bytes
        self._on_moved = on_moved
        self._buffer = bytearray()

    @property
    def bytes_moved(self) -> int:
        """Sent and received so far."""
        return self.bytes_sent + self.bytes_received

    async def send(self, frame: sync_pb2.Frame) -> None:
        """Send a frame.

        Raises:
            SyncClosedError: The peer is gone, or takes nothing for too long.
        """
        encoded = frame.SerializeToString()
        encoded = _length_prefix(len(encoded)) + encoded
        try:
            await self._stream.write(encoded)
        except (ConnectionError, TimeoutError) as error:
            raise SyncClosedError(str(error)) from error
        self.bytes_sent += len(encoded)
        self._on_moved(self.bytes_moved)

    async def receive(self) -> sync_pb2.Frame:
        """Wait for the next frame.

        Raises:
            SyncClosedError: The peer is gone, or says nothing for too long.
            SyncRefusedError: The peer ends the session.
            SyncAbuseError: Not a frame, too large, or over the session's bound.
        """
        try:
            encoded = await self._read_exactly(await self._read_length())
        except (ConnectionError, TimeoutError) as error:
            raise SyncClosedError(str(error)) from error
        try:
            frame = sync_pb2.Frame.FromString(encoded)
        except DecodeError:
            raise SyncAbuseError(RejectionReason.SYNC_FRAME_MALFORMED) from None
        if frame.WhichOneof("frame") == "done" and frame.done.reason:
            raise SyncRefusedError(frame.done.reason[:32])
        return frame

    async def _read_length(self) -> int:
        length = 0
        for position in range(_MAX_LENGTH_BYTES):
            byte = (await self._read_exactly(1))[0]
            length |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                if length > MAX_FRAME_BYTES:
                    break
                return length
        raise SyncAbuseError(RejectionReason.SYNC_FRAME_TOO_LARGE)

    async def _read_exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            read = await self._stream.read(_READ_BYTES)
            if not read:
                raise SyncClosedError("the stream ended")
            self.bytes_received += len(read)
            if self.bytes_received > self._max_bytes:
                raise SyncAbuseError(RejectionReason.SYNC_TOO_MANY_BYTES)
            self._on_moved(self.bytes_moved)
            self._buffer += read
        part = bytes(self._buffer[:count])
        del self._buffer[:count]
        return part


def _length_prefix(length: int) -> bytes:
    """Write a length as an unsigned varint."""
    prefix = bytearray()
    while length >= 0x80:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix)
