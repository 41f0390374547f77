"""Frames of a session as bytes: a protobuf after its length as an unsigned varint.

Used by ``machine`` for what comes and goes on a stream.
"""

from __future__ import annotations

from google.protobuf.message import DecodeError
from wsp.sync.v1 import sync_pb2

from p2pd.domain.rejections import RejectionReason
from p2pd.sync.errors import SyncAbuseError

MAX_FRAME_BYTES = 1 << 20
_MAX_LENGTH_BYTES = 3


def encode_frame(frame: sync_pb2.Frame) -> bytes:
    """Encode a frame, its length before it."""
    encoded = frame.SerializeToString()
    length = len(encoded)
    prefix = bytearray()
    while length >= 0x80:
        prefix.append(length & 0x7F | 0x80)
        length >>= 7
    prefix.append(length)
    return bytes(prefix) + encoded


class FrameDecoder:
    """Decode frames from bytes, however they are cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Add bytes that were read."""
        self._buffer += data

    def next_frame(self) -> sync_pb2.Frame | None:
        """Return the next frame, None while it is not whole.

        Raises:
            SyncAbuseError: Not a frame, or too large.
        """
        prefix = self._read_length()
        if prefix is None:
            return None
        start, length = prefix
        if len(self._buffer) < start + length:
            return None
        encoded = bytes(self._buffer[start : start + length])
        del self._buffer[: start + length]
        try:
            return sync_pb2.Frame.FromString(encoded)
        except DecodeError:
            raise SyncAbuseError(RejectionReason.SYNC_FRAME_MALFORMED) from None

    def _read_length(self) -> tuple[int, int] | None:
        """Return where the frame begins and its length; None while that is not known."""
        length = 0
        for position, byte in enumerate(self._buffer[:_MAX_LENGTH_BYTES]):
            length |= (byte & 0x7F) << (7 * position)
            if byte < 0x80:
                if length > MAX_FRAME_BYTES:
                    break
                return position + 1, length
        else:
            if len(self._buffer) < _MAX_LENGTH_BYTES:
                return None
        raise SyncAbuseError(RejectionReason.SYNC_FRAME_TOO_LARGE)
