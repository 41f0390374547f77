"""Corrections 50 and 51: control messages too large for others, or meant for others."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial

from libp2p.abc import IHost, INetStream
from libp2p.network.stream.exceptions import StreamError
from libp2p.pubsub.pb import rpc_pb2
from libp2p.utils.varint import read_varint_prefixed_bytes

from tests.upstream.defect import defect
from tests.upstream.stacks import STOCK, Node, Stack
from tests.upstream.strangers import MESHSUB, ROOM, open_stranger_stream, rpc_frame
from tests.upstream.waiting import wait_seen

#: What a default rust peer takes in one RPC.
MAX_RPC_BYTES = 65_536


@asynccontextmanager
async def listening_stranger(node: Node, room: str) -> AsyncIterator[list[bytes]]:
    """Enter a room as a bare peer; yield the RPCs that it is sent."""
    rpcs: list[bytes] = []

    async def keep(stream: INetStream) -> None:
        try:
            while True:
                rpcs.append(await read_varint_prefixed_bytes(stream))
        except StreamError:
            return

    async with STOCK.host() as stranger:
        stranger.set_stream_handler(MESHSUB, keep)
        stream = await open_stranger_stream(stranger, node.host)
        subscription = rpc_pb2.RPC.SubOpts(subscribe=True, topicid=room)
        await stream.write(rpc_frame(rpc_pb2.RPC(subscriptions=[subscription])))
        await wait_seen(lambda: _is_ready(node, stranger, room))
        yield rpcs
        await stranger.close()


def _is_ready(node: Node, stranger: IHost, room: str) -> bool:
    """Tell whether the node has the stranger in the room and can write to it."""
    peer_id = stranger.get_id()
    return peer_id in node.pubsub.peer_topics.get(room, ()) and peer_id in node.pubsub.peers


def _grafts(rpcs: Iterable[bytes]) -> list[rpc_pb2.ControlMessage]:
    return [control for control in _controls(list(rpcs)) if control.graft]


def _controls(rpcs: list[bytes]) -> list[rpc_pb2.ControlMessage]:
    """Parse the control parts of some RPCs."""
    controls = []
    for encoded in rpcs:
        rpc = rpc_pb2.RPC()
        rpc.ParseFromString(encoded)
        controls.append(rpc.control)
    return controls


def _keep_out_of_the_mesh(node: Node) -> None:
    """Make the node want no mesh, as if it had one that is full: others get gossip."""
    router = node.router
    router.degree = router.degree_low = 0
    router.mesh[ROOM].clear()


@defect(50, "gossip of thousands of messages is one RPC, after which a rust peer hears nothing")
async def test_gossip_fits_into_what_every_peer_takes(stack: Stack) -> None:
    async with stack.node() as node:
        await node.join(ROOM)
        async with listening_stranger(node, ROOM) as rpcs:
            _keep_out_of_the_mesh(node)
            rpcs.clear()
            for number in range(2_500):
                await node.publish(ROOM, b"%d" % number)
            await wait_seen(lambda: [rpc for rpc in _controls(list(rpcs)) if rpc.ihave])
            assert max(map(len, rpcs)) <= MAX_RPC_BYTES


@defect(51, "a peer is grafted in topics of others")
async def test_each_peer_is_grafted_in_its_own_topics(stack: Stack) -> None:
    async with stack.node() as node:
        await node.join("first")
        await node.join("second")
        async with (
            listening_stranger(node, "first") as first,
            listening_stranger(node, "second") as second,
        ):
            for rpcs in (first, second):
                await wait_seen(partial(_grafts, rpcs))
            for rpcs in (first, second):
                rpcs.clear()
            for peers in node.router.mesh.values():
                peers.clear()
            for rpcs in (first, second):
                await wait_seen(partial(_grafts, rpcs))
            grafted = [
                {graft.topicID for rpc in _controls(list(rpcs)) for graft in rpc.graft}
                for rpcs in (first, second)
            ]
            assert grafted == [{"first"}, {"second"}]
