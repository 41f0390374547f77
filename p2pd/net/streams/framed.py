"""Protobuf messages on a stream, each after its length as an unsigned varint.

Used by the protocols of relays, hole punching and AutoNAT.
"""

from __future__ import annotations

from google.protobuf.message import Message
from libp2p.abc import INetStream
from libp2p.io.abc import Writer
from libp2p.utils.varint import encode_uvarint

MAX_LENGTH_BYTES = 3
"""Of a frame's length: more say a number above any bound."""


class FrameTooLongError(Exception):
    """A frame is longer than its protocol allows."""


async def read_frame(stream: INetStream, max_bytes: int) -> bytes:
    """Read one frame and nothing beyond it.

    Raises:
        FrameTooLongError: It is longer than ``max_bytes``.
        StreamError: The stream ended.
    """
    size = await _read_length(stream, max_bytes)
    frame = bytearray()
    while len(frame) < size:
        frame += await stream.read(size - len(frame))
    return bytes(frame)


async def write_frame(stream: Writer, message: Message) -> None:
    """Write a message as one frame."""
    frame = message.SerializeToString()
    await stream.write(encode_uvarint(len(frame)) + frame)


async def _read_length(stream: INetStream, max_bytes: int) -> int:
    size = 0
    for index in range(MAX_LENGTH_BYTES):
        (byte,) = await stream.read(1)
        size |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            if size > max_bytes:
                break
            return size
    raise FrameTooLongError
