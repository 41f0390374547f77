"""A host from the outside: it listens, it announces, it closes in time."""

from __future__ import annotations

import time
from contextlib import AsyncExitStack
from functools import partial

import pytest
import trio
from libp2p.abc import INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.network.exceptions import SwarmException
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.admission import ConnectionLimits
from p2pd.net.errors import ListenError
from p2pd.net.host import HostOptions, open_host
from tests.upstream.stacks import OURS, STOCK, connect, peer_info
from tests.upstream.waiting import wait_seen

LOOPBACK = ("/ip4/127.0.0.1/tcp/0",)
CLOSE_WITHIN_S = 4.0
"""Twice what is promised: machines are busy."""


@pytest.mark.trio
async def test_announced_addresses_are_told_in_the_place_of_the_bound_ones() -> None:
    announce = ("/dns4/node.example/tcp/4001", "/ip4/192.0.2.7/tcp/4001")
    options = HostOptions(create_new_key_pair(), LOOPBACK, announce=announce)
    async with open_host(options, Rejections()) as host:
        told = [str(address) for address in host.get_addrs()]
    assert told == [f"{each}/p2p/{host.get_id()}" for each in announce]


@pytest.mark.trio
@pytest.mark.parametrize("announce", [(), ("/dns4/node.example/tcp/4001",)])
async def test_public_address_comes_first_unless_the_settings_say_what_to_announce(
    announce: tuple[str, ...],
) -> None:
    options = HostOptions(create_new_key_pair(), LOOPBACK, announce=announce)
    public = Multiaddr("/ip4/11.0.0.1/tcp/4001")
    async with open_host(options, Rejections()) as host:
        bound = host.get_addrs()
        assert host.set_public_addresses([public]) is (not announce)
        added = [] if announce else [Multiaddr(f"{public}/p2p/{host.get_id()}")]
        assert host.get_addrs() == added + bound


@pytest.mark.trio
async def test_bad_announced_address_is_told() -> None:
    options = HostOptions(create_new_key_pair(), LOOPBACK, announce=("nonsense",))
    with pytest.raises(ListenError, match="cannot announce 'nonsense'"):
        async with open_host(options, Rejections()):
            pytest.fail("the host runs")


@pytest.mark.trio
async def test_host_closes_in_time_with_peers_connected() -> None:
    async with trio.open_nursery() as nursery:
        release = trio.Event()
        async with OURS.host() as host:
            for _ in range(5):
                await nursery.start(_hold_connection, host, release)
            started_s = time.monotonic()
        assert time.monotonic() - started_s < CLOSE_WITHIN_S
        release.set()


async def _hold_connection(
    host: object,
    release: trio.Event,
    task_status: trio.TaskStatus[None],  # type: ignore[name-defined]
) -> None:
    async with STOCK.host() as peer:
        await connect(peer, host)  # type: ignore[arg-type]
        task_status.started()
        await wait_seen(peer.get_connected_peers, lambda peers: not peers)
        await release.wait()


@pytest.mark.trio
async def test_connections_above_the_limit_are_refused() -> None:
    options = HostOptions(create_new_key_pair(), LOOPBACK, limits=ConnectionLimits(total=2))
    async with open_host(options, Rejections()) as host:
        async with OURS.host() as one, OURS.host() as two:
            await connect(one, host)
            await connect(two, host)
            await wait_seen(host.get_connected_peers, lambda peers: len(peers) == 2)
            async with OURS.host() as three:
                with trio.move_on_after(3):
                    try:
                        await three.connect(peer_info(host))
                    # How a refusal looks to the library is not the point here.
                    except Exception:
                        await trio.lowlevel.checkpoint()
            assert len(host.get_connected_peers()) == 2
        await wait_seen(host.get_connected_peers, lambda peers: not peers)
        async with OURS.host() as four:
            await connect(four, host)
            await wait_seen(host.get_connected_peers)


@pytest.mark.trio
async def test_one_address_cannot_take_all_connections() -> None:
    rejections = Rejections()
    options = HostOptions(create_new_key_pair(), LOOPBACK, limits=ConnectionLimits(per_ipv4=2))
    async with open_host(options, rejections) as host:
        port = int(str(peer_info(host).addrs[0].value_for_protocol("tcp")))
        held = [await trio.open_tcp_stream("127.0.0.1", port) for _ in range(2)]
        for each in held:
            assert await each.receive_some(1) == b"\x13"
        async with await trio.open_tcp_stream("127.0.0.1", port) as refused:
            assert await refused.receive_some(1) == b""
        assert rejections.totals[RejectionReason.CONNECTIONS_PER_ADDRESS] == 1


@pytest.mark.trio
async def test_one_peer_cannot_take_all_connections() -> None:
    rejections = Rejections()
    options = HostOptions(create_new_key_pair(), LOOPBACK, limits=ConnectionLimits(per_peer=2))
    async with open_host(options, rejections) as host, STOCK.host() as peer:
        info = peer_info(host)
        for _ in range(3):
            await peer.get_network().dial_addr(info.addrs[0], info.peer_id)
        await wait_seen(lambda: rejections.totals[RejectionReason.CONNECTIONS_PER_PEER] == 1)
        await wait_seen(lambda: len(host.get_network().get_connections(peer.get_id())) == 2)


@pytest.mark.trio
async def test_node_that_is_full_dials_nobody() -> None:
    rejections = Rejections()
    options = HostOptions(create_new_key_pair(), LOOPBACK, limits=ConnectionLimits(total=1))
    async with open_host(options, rejections) as host, STOCK.host() as one, STOCK.host() as two:
        first, second = peer_info(one), peer_info(two)
        await host.swarm.dial_addresses(first.peer_id, first.addrs)
        with pytest.raises(SwarmException, match="as many connections as it may have"):
            await host.swarm.dial_addresses(second.peer_id, second.addrs)
        assert rejections.totals[RejectionReason.CONNECTIONS_TOTAL] == 1


@pytest.mark.trio
async def test_junk_on_the_wire_is_counted_and_harms_nobody() -> None:
    rejections = Rejections()
    options = HostOptions(create_new_key_pair(), (*LOOPBACK, "/ip4/127.0.0.1/tcp/0/ws"))
    junk = [b"\0" * 100, b"\x13/multistream/1.0.0\n" + b"\xff" * 50, b"GET / HTTP/1.1\r\n\r\n"]
    async with open_host(options, rejections) as host:
        for address in peer_info(host).addrs:
            port = int(str(address.value_for_protocol("tcp")))
            for each in junk:
                async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
                    await stream.send_all(each)
        await wait_seen(
            lambda: rejections.totals[RejectionReason.INBOUND_HANDSHAKE], lambda count: count >= 3
        )
        async with STOCK.host() as friend:
            await connect(friend, host)


@pytest.mark.trio
async def test_peers_that_answer_nothing_keep_no_change_from_the_others() -> None:
    async def answer_nothing(_: INetStream) -> None:
        await trio.sleep_forever()

    async with OURS.host() as host, AsyncExitStack() as peers:
        for _ in range(20):
            silent = await peers.enter_async_context(OURS.host())
            await connect(silent, host)
            await wait_seen(partial(host.identity_of, silent.get_id()))
            silent.get_network().set_stream_handler(answer_nothing)
        honest = await peers.enter_async_context(OURS.host())
        await connect(honest, host)
        await wait_seen(lambda: host.identity_of(honest.get_id()))
        started_s = trio.current_time()
        host.set_stream_handler(TProtocol("/test/new/1"), answer_nothing)
        await wait_seen(
            lambda: honest.identity_of(host.get_id()),
            lambda identity: identity is not None and "/test/new/1" in identity.protocols,
        )
        assert trio.current_time() - started_s < CLOSE_WITHIN_S
