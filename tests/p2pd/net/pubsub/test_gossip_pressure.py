"""Queues are bounded: publishers wait for peers that keep up, and not for those that are stuck."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.pubsub.pb import rpc_pb2

from p2pd.domain.names import RoomName
from p2pd.domain.rejections import RejectionReason
from p2pd.net.pubsub.gossip import GossipOptions
from tests.upstream.stacks import OURS, OurNode, connect
from tests.upstream.strangers import (
    MESHSUB,
    ROOM,
    open_stranger_stream,
    rpc_frame,
    wait_acquainted,
)
from tests.upstream.waiting import wait_seen

SMALL_QUEUES = GossipOptions(queue_max_bytes=512 * 1024, send_wait_s=20.0)
TIMEOUT_S = 60.0


@asynccontextmanager
async def line(options: GossipOptions, length: int) -> AsyncIterator[list[OurNode]]:
    """Open nodes in ``ROOM``, each connected to the next."""
    if length == 0:
        yield []
        return
    async with OURS.node(options=options) as first, line(options, length - 1) as others:
        await first.join(ROOM)
        if others:
            await connect(first.host, others[0].host)
            await wait_acquainted(first, others[0])
        yield [first, *others]


@asynccontextmanager
async def stuck_peer(node: OurNode) -> AsyncIterator[None]:
    """Enter the room as a peer that never reads what it is sent."""

    async def read_nothing(_: INetStream) -> None:
        await trio.sleep_forever()

    async with OURS.host() as stuck:
        stuck.set_stream_handler(MESHSUB, read_nothing)
        stream = await open_stranger_stream(stuck, node.host)
        subscription = rpc_pb2.RPC.SubOpts(subscribe=True, topicid=ROOM)
        await stream.write(rpc_frame(rpc_pb2.RPC(subscriptions=[subscription])))
        await wait_seen(lambda: str(stuck.get_id()) in node.gossip.peers_in(RoomName(ROOM)))
        yield


@pytest.mark.trio
@pytest.mark.parametrize("length", [2, 3])
async def test_burst_far_above_the_queues_arrives_whole(length: int) -> None:
    async with line(SMALL_QUEUES, length) as nodes:
        author, listener = nodes[0], nodes[-1]
        for number in range(2_000):
            await author.publish(ROOM, b"%d " % number + bytes(1_500))
        await wait_seen(
            lambda: len(listener.received), lambda count: count == 2_000, timeout_s=TIMEOUT_S
        )
        numbers = [int(received.data.split()[0]) for received in listener.received]
        assert numbers == list(range(2_000))
        assert not any(node.rejections.totals for node in nodes)


@pytest.mark.trio
async def test_stuck_peer_costs_the_others_one_wait() -> None:
    options = GossipOptions(queue_max_bytes=512 * 1024, send_wait_s=0.5)
    async with line(options, 2) as (author, listener), stuck_peer(author):
        start = trio.current_time()
        for number in range(500):
            await author.publish(ROOM, b"%d " % number + bytes(4_000))
        await wait_seen(
            lambda: len(listener.received), lambda count: count == 500, timeout_s=TIMEOUT_S
        )
        assert trio.current_time() - start < 10.0
        assert author.rejections.totals[RejectionReason.SEND_QUEUE_FULL] > 0
        assert author.gossip.send_pressure() < 1.0


@pytest.mark.trio
async def test_peer_that_was_stuck_catches_up() -> None:
    options = GossipOptions(queue_max_bytes=512 * 1024, send_wait_s=0.2, replay_s=2 * TIMEOUT_S)
    async with OURS.node(options=options) as author, OURS.node(options=options) as stuck:
        goes_on = trio.Event()
        handler = stuck.pubsub.stream_handler

        async def handler_of_one_who_pauses(stream: INetStream) -> None:
            await goes_on.wait()
            await handler(stream)

        for protocol in stuck.pubsub.protocols:
            stuck.host.set_stream_handler(protocol, handler_of_one_who_pauses)
        await author.join(ROOM)
        await stuck.join(ROOM)
        await connect(stuck.host, author.host)
        await wait_seen(lambda: author.gossip.peers_in(RoomName(ROOM)))
        for number in range(500):
            await author.publish(ROOM, b"%d " % number + bytes(4_000))
        assert author.rejections.totals[RejectionReason.SEND_QUEUE_FULL] > 0
        goes_on.set()
        await wait_seen(
            lambda: len(stuck.received), lambda count: count == 500, timeout_s=TIMEOUT_S
        )


@pytest.mark.trio
async def test_pressure_tells_that_a_queue_is_filling() -> None:
    options = GossipOptions(queue_max_bytes=512 * 1024, send_wait_s=0.2)
    async with line(options, 1) as (author,), stuck_peer(author):
        assert author.gossip.send_pressure() < 0.1
        pressures = []
        for _ in range(300):
            pressures.append(author.gossip.send_pressure())
            await author.publish(ROOM, bytes(4_000))
        assert max(pressures) > 0.7


@pytest.mark.trio
async def test_twenty_stuck_peers_cost_a_publish_one_wait_and_reading_none() -> None:
    options = GossipOptions(queue_max_bytes=512 * 1024, send_wait_s=2.0)
    async with line(options, 2) as (author, listener), AsyncExitStack() as stuck:
        for _ in range(20):
            await stuck.enter_async_context(stuck_peer(author))
        slowest_s = 0.0
        for number in range(250):
            start = trio.current_time()
            await author.publish(ROOM, b"%d " % number + bytes(4_000))
            slowest_s = max(slowest_s, trio.current_time() - start)
        assert author.rejections.totals[RejectionReason.SEND_QUEUE_FULL] > 0
        assert slowest_s < 2.5
        start = trio.current_time()
        await listener.publish(ROOM, b"heard at once")
        await wait_seen(lambda: [received.data for received in author.received])
        assert trio.current_time() - start < 1.5
