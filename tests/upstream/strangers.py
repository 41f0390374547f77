"""What a peer that keeps no rules can put on a pubsub stream.

Everything goes over a real stream of a real host; messages are signed with
real keys unless the point is that they are not.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

from libp2p.abc import IHost, INetStream
from libp2p.crypto.keys import KeyPair
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import encode_varint_prefixed

from tests.upstream.stacks import Node, StackOf, connect
from tests.upstream.waiting import wait_seen

NodeT = TypeVar("NodeT", bound=Node)

ROOM = "chat-room"
MESHSUB = TProtocol("/meshsub/1.1.0")


def signed_message(
    key_pair: KeyPair,
    data: bytes,
    *,
    topics: Iterable[str] = (ROOM,),
    seqno: bytes | None = None,
    change: Callable[[rpc_pb2.Message], None] = lambda message: None,
) -> rpc_pb2.Message:
    """Sign a message as any peer would, then change it."""
    seqno = time.time_ns().to_bytes(8, "big") if seqno is None else seqno
    author = ID.from_pubkey(key_pair.public_key).to_bytes()
    message = rpc_pb2.Message(from_id=author, data=data, seqno=seqno, topicIDs=list(topics))
    payload = b"libp2p-pubsub:" + message.SerializeToString()
    message.signature = key_pair.private_key.sign(payload)
    change(message)
    return message


def publish_frame(*messages: rpc_pb2.Message) -> bytes:
    """Frame an RPC that publishes some messages."""
    return rpc_frame(rpc_pb2.RPC(publish=messages))


def rpc_frame(rpc: rpc_pb2.RPC) -> bytes:
    """Put the length before an RPC."""
    framed: bytes = encode_varint_prefixed(rpc.SerializeToString())
    return framed


async def open_stranger_stream(stranger: IHost, victim: IHost) -> INetStream:
    """Connect and open a pubsub stream."""
    await connect(stranger, victim)
    return await stranger.new_stream(victim.get_id(), [MESHSUB])


@asynccontextmanager
async def two_in_a_room(
    stack: StackOf[NodeT], *, is_safe: bool = True
) -> AsyncIterator[tuple[NodeT, NodeT]]:
    """Open two nodes that are connected and know each other to be in ``ROOM``."""
    async with stack.node(is_safe=is_safe) as first, stack.node(is_safe=is_safe) as second:
        await first.join(ROOM)
        await second.join(ROOM)
        await connect(first.host, second.host)
        await wait_acquainted(first, second)
        yield first, second


async def wait_acquainted(first: Node, second: Node) -> None:
    """Wait until both have the other in the mesh of ``ROOM``."""

    def meshes() -> list[list[ID]]:
        return [list(node.router.mesh.get(ROOM, ())) for node in (first, second)]

    ids = (first.host.get_id(), second.host.get_id())
    await wait_seen(meshes, lambda seen: ids[1] in seen[0] and ids[0] in seen[1])


async def wait_delivered(source: Node, target: Node, data: bytes) -> None:
    """Publish and wait until the other node's application has it."""
    await source.publish(ROOM, data)
    await wait_seen(lambda: [r.data for r in target.received], lambda seen: data in seen)
