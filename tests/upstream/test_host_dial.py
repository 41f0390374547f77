"""A dial ends in time, is tried again when wanted, and gives a connection that lives."""

from __future__ import annotations

import trio
from libp2p.abc import INetConn, INetStream, INetwork
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from p2pd.net.connections.notifee import ConnectionNotifee
from tests.upstream.defect import defect
from tests.upstream.diallers import dialler
from tests.upstream.stacks import STOCK, Stack, connect, peer_info
from tests.upstream.waiting import wait_seen
from tests.upstream.wires import free_port, wire_to

ANSWER = TProtocol("/test/answer/1")
DIAL_DEADLINE_S = 20.0
HUNG_DEADLINE_S = 60.0
CLOCK_RATE = 5.0
"""Of tests that wait for a deadline of the host: their clock goes so much faster."""


@defect(
    16,
    "a dial to a silent peer hangs for minutes",
    fails_with=(trio.TooSlowError,),
    clock_rate=CLOCK_RATE,
)
async def test_dial_to_silent_peer_ends_in_time(stack: Stack) -> None:
    async def say_nothing(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    async with stack.host() as host, trio.open_nursery() as nursery:
        listener: trio.SocketListener
        (listener,) = await nursery.start(_serve_loopback, say_nothing)
        port: int = listener.socket.getsockname()[1]
        nobody = ID.from_pubkey(create_new_key_pair().public_key)
        async with dialler(stack, host) as dial:
            with trio.fail_after(DIAL_DEADLINE_S):
                assert not await dial(PeerInfo(nobody, [Multiaddr(f"/ip4/127.0.0.1/tcp/{port}")]))
        nursery.cancel_scope.cancel()


async def _serve_loopback(handler: object, task_status: object) -> None:
    await trio.serve_tcp(handler, 0, host="127.0.0.1", task_status=task_status)  # type: ignore[arg-type]


@defect(16, "a peer is refused for a minute after one failed dial")
async def test_peer_can_be_dialled_as_soon_as_it_is_there(stack: Stack) -> None:
    key_pair = create_new_key_pair()
    address = f"/ip4/127.0.0.1/tcp/{await free_port()}"
    info = PeerInfo(ID.from_pubkey(key_pair.public_key), [Multiaddr(address)])
    async with stack.host() as host, dialler(stack, host) as dial:
        assert not await dial(info)
        async with STOCK.host(key_pair=key_pair, listen=[address]):
            assert await dial(info)


@defect(16, "a dial to oneself succeeds")
async def test_dial_to_oneself_fails(stack: Stack) -> None:
    async with stack.host() as host, dialler(stack, host) as dial:
        assert not await dial(peer_info(host))


@defect(16, "a hung peer is connected for ever", clock_rate=CLOCK_RATE)
async def test_hung_peer_is_noticed(stack: Stack) -> None:
    async with (
        stack.host() as host,
        STOCK.host() as peer,
        wire_to(peer) as wire,
        dialler(stack, host) as dial,
    ):
        assert await dial(wire.info)
        wire.go_silent()
        await wait_seen(
            host.get_connected_peers,
            lambda peers: not peers,
            timeout_s=HUNG_DEADLINE_S / CLOCK_RATE,
        )


@defect(35, "a dial just after the peer hung up returns the dead connection")
async def test_dialled_connection_is_alive(stack: Stack) -> None:
    async def answer(stream: INetStream) -> None:
        await stream.write(b"here")

    async with stack.host() as host, STOCK.host() as peer, dialler(stack, host) as dial:
        peer.set_stream_handler(ANSWER, answer)
        assert await dial(peer_info(peer))
        await wait_seen(peer.get_connected_peers)
        (there,) = peer.get_network().get_connections()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(there.close)
            await wait_seen(lambda: there.is_closed)
            assert await dial(peer_info(peer))
            try:
                stream = await host.new_stream(peer.get_id(), [ANSWER])
                said = await stream.read(4)
            # Any failure is the same here: the connection was dead.
            except Exception as error:
                raise AssertionError("dialled, and yet there is no peer") from error
            assert said == b"here"


class _Ending(ConnectionNotifee):
    """Ends the dials, and then waits a moment, as pubsub's does for its queue."""

    def __init__(self, dials: trio.CancelScope) -> None:
        super().__init__(lambda _: dials.cancel(), lambda _: None)

    async def connected(self, network: INetwork, conn: INetConn) -> None:
        await super().connected(network, conn)
        await trio.lowlevel.checkpoint()


@defect(81, "a dial that ends because its connection is reported takes it back")
async def test_connection_outlives_the_dial_that_it_ends(stack: Stack) -> None:
    """As hole punching and dials of several addresses at once end."""
    async with stack.host() as host, STOCK.host() as peer:
        with trio.CancelScope() as dials:
            host.get_network().register_notifee(_Ending(dials))
            await host.connect(peer_info(peer))
        assert [each.is_closed for each in host.get_network().get_connections()] == [False]


@defect(42, "one address of a transport is tried, and no other", fails_with=(SwarmException,))
async def test_second_address_is_tried_when_the_first_fails(stack: Stack) -> None:
    async with stack.host() as host, STOCK.host() as peer:
        nowhere = Multiaddr(f"/ip4/127.0.0.1/tcp/{await free_port()}")
        info = PeerInfo(peer.get_id(), [nowhere, *peer_info(peer).addrs])
        with trio.fail_after(10):
            await host.connect(info)
        assert host.get_connected_peers() == [peer.get_id()]


@defect(42, "a dial that succeeds at once takes a quarter of a second")
async def test_dial_takes_no_longer_than_it_needs(stack: Stack) -> None:
    async with stack.host() as host, STOCK.host() as peer:
        times_s = []
        for _ in range(5):
            started_s = trio.current_time()
            await connect(host, peer)
            times_s.append(trio.current_time() - started_s)
            await host.disconnect(peer.get_id())
            await wait_seen(peer.get_connected_peers, lambda peers: not peers)
        assert min(times_s) < 0.2, times_s
