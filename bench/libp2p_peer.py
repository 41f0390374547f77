"""One node of ``bench.libp2p_layer``, in a process of its own.

Speaks JSON lines: tells its address and its process id, takes commands on stdin,
answers on stdout. Times are of the system's monotonic clock, the same in every process.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import trio
from libp2p import new_host
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.network.config import ConnectionConfig
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.pubsub import pubsub as stock_pubsub
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.tools.anyio_service import background_trio_service
from multiaddr import Multiaddr

from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.rejections import Rejections
from p2pd.domain.verdicts import Verdict
from p2pd.net.host import HostOptions, open_host
from p2pd.net.pubsub.gossip import open_gossip

ROOM = RoomName("bench")
LISTEN = {"tcp": "/ip4/127.0.0.1/tcp/0", "quic": "/ip4/127.0.0.1/udp/0/quic-v1"}
#: So large that the stock library drops nothing.
QUEUE_LENGTH = 1_000_000
SIZE_BYTES = 100
TIMEOUT_S = 30.0
FIRST_WORDS_EVERY_S = 0.005

Publish = Callable[[bytes], Awaitable[object]]


class Arrivals:
    """When each message was sent and when it came; the listener of our gossip too."""

    def __init__(self) -> None:
        self.times_ns: list[tuple[int, int]] = []
        self._wanted = 0
        self._reached = trio.Event()

    async def wait_count(self, count: int) -> None:
        """Wait until ``count`` messages are here."""
        self._wanted, self._reached = count, trio.Event()
        if len(self.times_ns) < count:
            await self._reached.wait()

    def add(self, data: bytes) -> None:
        """Note a message that came now."""
        self.times_ns.append((int(data[:20]), time.monotonic_ns()))
        if len(self.times_ns) == self._wanted:
            self._reached.set()

    async def receive_messages(self, messages: Sequence[Message]) -> list[Verdict]:
        """Note a batch that came now."""
        for message in messages:
            self.add(message.data)
        return [Verdict.STORED] * len(messages)

    def peer_joined(self, peer_id: PeerId, room: RoomName) -> None:
        """Nothing is measured of this."""

    def peer_left(self, peer_id: PeerId, room: RoomName) -> None:
        """Nothing is measured of this."""


@asynccontextmanager
async def open_ours(arrivals: Arrivals, listen: str) -> AsyncIterator[tuple[Any, Any, Publish]]:
    """Open a node of ours; yield its host, its pubsub and how to publish."""
    rejections = Rejections()
    options = HostOptions(key_pair=create_new_key_pair(), listen=(listen,))
    async with (
        open_host(options, rejections) as host,
        open_gossip(host, arrivals, arrivals, rejections) as gossip,
    ):
        await gossip.join(ROOM)

        async def publish(data: bytes) -> None:
            await gossip.send(gossip.sign(ROOM, data))

        yield host, gossip.pubsub, publish


@asynccontextmanager
async def open_stock(arrivals: Arrivals, address: str) -> AsyncIterator[tuple[Any, Any, Publish]]:
    """Open a stock node with the settings and queues that lose nothing."""
    stock_pubsub.SUBSCRIPTION_CHANNEL_SIZE = QUEUE_LENGTH
    stock_pubsub.RpcQueue = partial(stock_pubsub.RpcQueue, QUEUE_LENGTH)  # type: ignore[misc, assignment]
    listen = [Multiaddr(address)]
    host = new_host(
        key_pair=create_new_key_pair(),
        listen_addrs=listen,
        connection_config=ConnectionConfig(min_connections=0),
    )
    router = GossipSub(
        [f"/meshsub/1.{minor}.0" for minor in (3, 2, 1, 0)],  # type: ignore[misc]
        degree=6,
        degree_low=4,
        degree_high=12,
        heartbeat_interval=1,
        spam_protection_enabled=False,
    )
    async with host.run(listen_addrs=listen), trio.open_nursery() as nursery:
        pubsub = stock_pubsub.Pubsub(host, router)
        async with background_trio_service(pubsub), background_trio_service(router):
            await pubsub.wait_until_ready()
            nursery.start_soon(_collect, await pubsub.subscribe(ROOM), arrivals)
            yield host, pubsub, partial(pubsub.publish, ROOM)
            nursery.cancel_scope.cancel()


async def _collect(subscription: Any, arrivals: Arrivals) -> None:
    while True:
        arrivals.add((await subscription.get()).data)


async def _connect(host: Any, pubsub: Any, address: str) -> None:
    """Dial the other node and wait until it is in the mesh."""
    info = info_from_p2p_addr(Multiaddr(address))
    await host.connect(info)
    await pubsub.wait_for_mesh(info.peer_id, ROOM, TIMEOUT_S)


async def _publish(publish: Publish, count: int, rate_per_s: float, publishers: int) -> None:
    """Publish ``count`` messages, from several publishers at once."""
    async with trio.open_nursery() as nursery:
        for _ in range(publishers):
            nursery.start_soon(_publish_some, publish, count // publishers, rate_per_s)


async def _publish_some(publish: Publish, count: int, rate_per_s: float) -> None:
    """Publish in order, at once where the rate is 0."""
    begin = trio.current_time()
    for number in range(count):
        if rate_per_s:
            await trio.sleep_until(begin + number / rate_per_s)
        await publish(_message())


async def _publish_at_first(
    host: Any, publish: Publish, address: str, duration_s: float
) -> list[int]:
    """Dial the other node and publish all the while; return when the dial began."""
    begin_ns = time.monotonic_ns()
    with trio.move_on_after(duration_s):
        await host.connect(info_from_p2p_addr(Multiaddr(address)))
        while True:
            await publish(_message())
            await trio.sleep(FIRST_WORDS_EVERY_S)
    return [begin_ns]


def _message() -> bytes:
    return b"%020d" % time.monotonic_ns() + bytes(SIZE_BYTES - 20)


async def _wait_count(arrivals: Arrivals, count: int, timeout_s: float) -> list[tuple[int, int]]:
    """Return the arrivals once there are ``count``, or what there is at the deadline."""
    with trio.move_on_after(timeout_s):
        await arrivals.wait_count(count)
    times_ns, arrivals.times_ns = arrivals.times_ns, []
    return times_ns


def _tell(answer: object) -> None:
    print(json.dumps(answer), flush=True)


async def main(stack: str, transport: str) -> None:
    """Open a node and obey until stdin ends."""
    arrivals = Arrivals()
    open_node = open_ours if stack == "ours" else open_stock
    async with open_node(arrivals, LISTEN[transport]) as (host, pubsub, publish):
        _tell([str(host.get_addrs()[0]), os.getpid()])
        while line := await trio.to_thread.run_sync(sys.stdin.readline):
            match json.loads(line):
                case ["connect", address]:
                    await _connect(host, pubsub, address)
                    _tell("connected")
                case ["publish", count, rate_per_s, publishers]:
                    await _publish(publish, count, rate_per_s, publishers)
                    _tell("published")
                case ["first", address, duration_s]:
                    _tell(await _publish_at_first(host, publish, address, duration_s))
                case ["expect", count, timeout_s]:
                    _tell(await _wait_count(arrivals, count, timeout_s))


if __name__ == "__main__":
    trio.run(main, *sys.argv[1:])
