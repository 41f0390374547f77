"""Frames of circuit relay v2 on a stream.

Used by whatever asks a relay, is asked by one, or is one; hole punching has the same frames.
"""

from __future__ import annotations

from google.protobuf.message import Message
from libp2p.abc import INetStream
from libp2p.utils.varint import encode_uvarint

from p2pd.net.relay.messages import (
    MAX_FRAME_BYTES,
    M,
    frame_from_message,
    malformed,
    message_from_bytes,
)

MAX_LENGTH_BYTES = 3
"""Of a frame's length: more say a number above any bound."""


async def read_message(stream: INetStream, kind: type[M]) -> M:
    """Read one frame and nothing beyond it.

    Raises:
        RelayError: It is malformed, or longer than 4 KiB.
        StreamError: The stream ended.
    """
    size = await _read_length(stream)
    frame = bytearray()
    while len(frame) < size:
        frame += await stream.read(size - len(frame))
    return message_from_bytes(kind, bytes(frame))


async def write_message(stream: INetStream, message: Message) -> None:
    """Write one frame."""
    frame = frame_from_message(message)
    await stream.write(encode_uvarint(len(frame)) + frame)


async def _read_length(stream: INetStream) -> int:
    size = 0
    for index in range(MAX_LENGTH_BYTES):
        (byte,) = await stream.read(1)
        size |= (byte & 0x7F) << (7 * index)
        if not byte & 0x80:
            if size > MAX_FRAME_BYTES:
                break
            return size
    raise malformed("a frame is too long")
