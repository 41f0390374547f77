"""Who we say we are, and what others say of themselves: identify and its push.

``patches.basic_host`` answers and asks with these functions.

Source: libp2p specs, identify/README.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import trio
from libp2p.abc import IHost, INetStream
from libp2p.identity.identify.identify import ID as IDENTIFY
from libp2p.identity.identify.identify import _mk_identify_protobuf
from libp2p.identity.identify.pb.identify_pb2 import Identify
from libp2p.identity.identify_push.identify_push import ID_PUSH as IDENTIFY_PUSH
from libp2p.peer.id import ID
from libp2p.utils.varint import encode_uvarint, read_varint_prefixed_bytes_limited

from p2pd.net.advertised import (
    MAX_ADDRESS_CHARS,
    MAX_RECORD_BYTES,
    bounded_addresses,
    bounded_agent,
    bounded_protocols,
)

EXCHANGE_TIMEOUT_S = 10.0
MAX_IDENTIFY_BYTES = 64 * 1024
"""Far above what any implementation sends; go reads 8 KiB."""
BLOB_BOUNDS = {
    "public_key": 4 * 1024,
    "observed_addr": MAX_ADDRESS_CHARS,
    "signedPeerRecord": MAX_RECORD_BYTES,
}
"""Of the fields that make no sense cut: one that is larger is left out."""

__all__ = [
    "IDENTIFY",
    "IDENTIFY_PUSH",
    "PeerIdentity",
    "bounded_message",
    "identity_from_message",
    "push",
    "read",
    "reply",
]


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """What a peer says of itself; nothing of it is proven."""

    agent: str
    protocols: tuple[str, ...]


def identity_from_message(message: Identify) -> PeerIdentity:
    """Read what is shown to people out of a bounded identify message."""
    return PeerIdentity(message.agent_version, tuple(message.protocols))


def bounded_message(message: Identify) -> Identify:
    """Cut what a peer says of itself to size; the same message where nothing is too large."""
    bounded = Identify(
        listen_addrs=[each.to_bytes() for each in bounded_addresses(message.listen_addrs)],
        protocols=bounded_protocols(message.protocols),
    )
    for field, value in message.ListFields():
        if field.name in ("protocol_version", "agent_version"):
            setattr(bounded, field.name, bounded_agent(value))
        elif len(value) <= BLOB_BOUNDS.get(field.name, 0):
            setattr(bounded, field.name, value)
    return bounded


async def read(stream: INetStream) -> Identify:
    """Read one message.

    Raises:
        Exception: Whatever a broken stream or malformed bytes make the parsers raise.
        trio.TooSlowError: It did not come in time.
    """
    message = Identify()
    with trio.fail_after(EXCHANGE_TIMEOUT_S):
        message.ParseFromString(
            await read_varint_prefixed_bytes_limited(stream, MAX_IDENTIFY_BYTES)
        )
    return message


async def reply(host: IHost, agent: str, stream: INetStream) -> None:
    """Say to a peer who we are (21: with our own agent) and where we see it (32)."""
    with trio.fail_after(EXCHANGE_TIMEOUT_S):
        await stream.write(_encode(host, agent, stream))
        await stream.close()


async def push(host: IHost, agent: str, peer_id: ID) -> None:
    """Notify one peer of what has changed (37).

    Raises:
        Exception: The peer is gone or does not speak the protocol.
    """
    with trio.fail_after(EXCHANGE_TIMEOUT_S):
        stream = await host.new_stream(peer_id, [IDENTIFY_PUSH])
        await stream.write(_encode(host, agent, stream))
        await stream.close()


def _encode(host: IHost, agent: str, stream: INetStream) -> bytes:
    seen_at = stream.muxed_conn.get_transport_addresses()
    message = _mk_identify_protobuf(host, seen_at[0] if seen_at else None)
    message.agent_version = agent
    encoded = message.SerializeToString()
    return encode_uvarint(len(encoded)) + encoded
