"""Streams of circuit relay v2 on a connection of one's choice, and frames on them.

Used by whatever asks a relay, is asked by one, or is one.
"""

from __future__ import annotations

import trio
from google.protobuf.message import Message
from libp2p.abc import IMuxedStream, INetConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.utils.varint import encode_uvarint

from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.relay.messages import (
    MAX_FRAME_BYTES,
    M,
    frame_from_message,
    malformed,
    message_from_bytes,
)

RESET_TIMEOUT_S = 1.0
MAX_LENGTH_BYTES = 3
"""Of a frame's length: more say a number above any bound."""


async def open_stream(host: NodeHost, connection: INetConn, protocol: TProtocol) -> INetStream:
    """Open a stream on this very connection and agree on its protocol.

    Raises:
        Exception: The peer is gone or does not speak it.

    Cancellation: the stream is reset; the caller sets the deadline.
    """
    stream = await connection.new_stream()
    try:
        chosen = await host.multiselect_client.select_one_of(
            [protocol], MultiselectCommunicator(stream)
        )
    except BaseException:
        await reset_quietly(stream)
        raise
    stream.set_protocol(chosen)
    return stream


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


def connection_of(stream: INetStream) -> INetConn:
    """Return the connection that a stream runs on."""
    connection: INetConn = stream.swarm_conn  # type: ignore[attr-defined]
    return connection


def muxed_stream_of(stream: INetStream) -> IMuxedStream:
    """Return the muxer's stream, which costs fewer turns of the loop than the library's."""
    muxed: IMuxedStream = stream.muxed_stream  # type: ignore[attr-defined]
    return muxed


async def reset_quietly(stream: INetStream) -> None:
    """Reset a stream, from a cancelled task too."""
    with trio.move_on_after(RESET_TIMEOUT_S) as scope:
        scope.shield = True
        await stream.reset()


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
