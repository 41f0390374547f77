"""Streams on a connection of one's choice, and what a stream runs on.

Used by protocols to which the connection matters: relays, hole punching, reachability.
"""

from __future__ import annotations

from libp2p.abc import IMuxedStream, INetConn, INetStream
from libp2p.custom_types import TProtocol
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator

from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.streams.ending import end_stream


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


def connection_of(stream: INetStream) -> INetConn:
    """Return the connection that a stream runs on."""
    connection: INetConn = stream.swarm_conn  # type: ignore[attr-defined]
    return connection


def muxed_stream_of(stream: INetStream) -> IMuxedStream:
    """Return the muxer's stream, which costs fewer turns of the loop than the library's."""
    muxed: IMuxedStream = stream.muxed_stream  # type: ignore[attr-defined]
    return muxed


async def reset_quietly(stream: INetStream) -> None:
    """Reset a stream within a second, from a cancelled task too; never raises."""
    await end_stream(stream.reset)
