"""Protobuf messages on a stream, each after its length as an unsigned varint.

Used by the protocols of relays, hole punching, AutoNAT, profiles and direct messages.
"""

from __future__ import annotations

from typing import Protocol

from google.protobuf.message import Message
from libp2p.utils.varint import encode_uvarint

MAX_LENGTH_BYTES = 3
"""Of a frame's length: more say a number above any bound."""


class FrameTooLongError(Exception):
    """A frame is longer than its protocol allows."""


class FrameCutError(ValueError):
    """The stream ended in order before the frame did."""


class Readable(Protocol):
    """A stream to read from."""

    async def read(self, n: int, /) -> bytes:
        """Return some bytes, at most ``n``; at its end nothing, or raise what it likes."""


class Writable(Protocol):
    """A stream to write to."""

    async def write(self, data: bytes, /) -> None:
        """Write all of it."""


async def read_frame(stream: Readable, max_bytes: int) -> bytes:
    """Read one frame and nothing beyond it.

    Raises:
        FrameTooLongError: It is longer than ``max_bytes``.
        FrameCutError: The stream ended; one of libp2p raises StreamError then.
    """
    size = await _read_length(stream, max_bytes)
    return await _read_exactly(stream, size)


async def write_frame(stream: Writable, message: Message) -> None:
    """Write a message as one frame."""
    frame = message.SerializeToString()
    await stream.write(encode_uvarint(len(frame)) + frame)


async def _read_length(stream: Readable, max_bytes: int) -> int:
    size = 0
    for index in range(MAX_LENGTH_BYTES):
        (byte,) = await _read_exactly(stream, 1)
        size |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            if size > max_bytes:
                break
            return size
    raise FrameTooLongError


async def _read_exactly(stream: Readable, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        read = await stream.read(size - len(data))
        if not read:
            raise FrameCutError
        data += read
    return bytes(data)
