"""A host goes on after its handlers raise, and after every peer it ever had."""

from __future__ import annotations

import trio
from libp2p.abc import IHost, INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.peer.peerstore import PeerStoreError
from multiaddr import Multiaddr

from tests.upstream.defect import defect
from tests.upstream.stacks import STOCK, Stack, connect, peer_info
from tests.upstream.waiting import wait_seen

ECHO = TProtocol("/test/echo/1")
RAISING = TProtocol("/test/raising/1")
MAX_CONNECTIONS = 16
CONNECTIONS_IN_A_LIFE = 40
"""More than the host accepts at once."""
AT_ONCE = 8


class HandlerError(Exception):
    """What the handler raises."""


async def echo(stream: INetStream) -> None:
    await stream.write(await stream.read(100))
    await stream.close()


async def expect_echo(dialler: IHost, listener: IHost) -> None:
    with trio.fail_after(20):
        await connect(dialler, listener)
        stream = await dialler.new_stream(listener.get_id(), [ECHO])
        await stream.write(b"still here?")
        assert await stream.read(100) == b"still here?"


@defect(1, "a stream handler that raises ends the process", fails_with=(HandlerError,))
async def test_raising_stream_handler_costs_its_stream_only(stack: Stack) -> None:
    async def raise_when_spoken_to(stream: INetStream) -> None:
        await stream.read(1)
        raise HandlerError

    async with stack.host() as host, STOCK.host() as stranger, STOCK.host() as friend:
        host.set_stream_handler(RAISING, raise_when_spoken_to)
        host.set_stream_handler(ECHO, echo)
        await connect(stranger, host)
        stream = await stranger.new_stream(host.get_id(), [RAISING])
        await stream.write(b"go")
        await expect_echo(friend, host)


@defect(
    2,
    "an inbound slot is never given back",
    fails_with=(AssertionError, Exception),
)
async def test_host_accepts_after_more_connections_than_it_holds(stack: Stack) -> None:
    accepting = stack.host(max_connections=MAX_CONNECTIONS)
    async with accepting as host, STOCK.host() as crowd, STOCK.host() as friend:
        host.set_stream_handler(ECHO, echo)
        limiter = trio.CapacityLimiter(AT_ONCE)
        async with trio.open_nursery() as nursery:
            for _ in range(CONNECTIONS_IN_A_LIFE):
                nursery.start_soon(_come_and_go, crowd, host, limiter)
        await wait_seen(host.get_connected_peers, lambda peers: not peers, timeout_s=20)
        await expect_echo(friend, host)


async def _come_and_go(crowd: IHost, host: IHost, limiter: trio.CapacityLimiter) -> None:
    info = peer_info(host)
    async with limiter:
        with trio.move_on_after(10):
            try:
                connection = await crowd.get_network().dial_addr(info.addrs[0], info.peer_id)
                await connection.close()
            # A host that refuses is what the scenario finds out in the end.
            except Exception:
                await trio.lowlevel.checkpoint()


@defect(
    39,
    "the peerstore, once full, forgets the node's own keys",
    fails_with=(PeerStoreError,),
)
async def test_host_knows_its_own_key_among_thousands_of_peers(stack: Stack) -> None:
    async with stack.host() as host:
        somewhere = Multiaddr("/ip4/192.0.2.7/tcp/4001")
        for number in range(1_100):
            peer_id = ID(b"\x00\x24\x08\x01\x12\x20" + number.to_bytes(32, "big"))
            host.get_peerstore().add_addrs(peer_id, [somewhere], 600)
        assert ID.from_pubkey(host.get_public_key()) == host.get_id()
        assert create_new_key_pair().public_key != host.get_public_key()
