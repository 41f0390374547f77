"""A dial to a UDP port that nobody listens on ends by what ICMP reports of it."""

from __future__ import annotations

import errno
from typing import Any

import pytest
import trio
from libp2p.abc import INetConn
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.net.patches.swarm import NodeSwarm
from p2pd.net.punch.attempt import dial_directly
from p2pd.net.quic import connection, unreachable
from p2pd.net.quic.datagrams import DatagramSocket
from p2pd.net.quic.unreachable import Unreachable
from p2pd.net.transports import QUIC
from tests.p2pd.net.quic.test_quic import endpoint_of, host, muxer_of
from tests.upstream.stacks import peer_info
from tests.upstream.waiting import wait_seen

pytestmark = pytest.mark.skipif(
    not unreachable.IS_SUPPORTED, reason="only Linux reports it to such sockets"
)


def any_peer() -> ID:
    return ID.from_pubkey(create_new_key_pair().public_key)


@pytest.mark.parametrize("local", ["127.0.0.1", "::1"])
@pytest.mark.trio
async def test_dial_to_a_closed_port_ends_at_once_and_harms_no_other(local: str) -> None:
    listen = QUIC.address(local, 0)
    async with host((str(listen),)) as listener, host((str(listen),)) as dialler:
        info = peer_info(listener)
        dialled = await dialler.swarm.dial_addresses(info.peer_id, info.addrs)
        with trio.socket.socket(
            type=trio.socket.SOCK_DGRAM,
            family=trio.socket.AF_INET6 if ":" in local else trio.socket.AF_INET,
        ) as freed:
            await freed.bind((local, 0))
            closed = QUIC.address(*freed.getsockname()[:2])
        with trio.fail_after(2), pytest.raises(SwarmException, match="connection refused"):
            await dialler.swarm.dial_addresses(any_peer(), [closed])
        assert dict(dialler.swarm.dial_failures.totals) == {("refused", "quic-v1"): 1}
        with trio.fail_after(2):
            assert await muxer_of(dialled).ping() < 1


@pytest.mark.trio
async def test_report_about_one_datagram_does_not_lose_the_next() -> None:
    with (
        trio.socket.socket(type=trio.socket.SOCK_DGRAM) as reader,
        trio.socket.socket(type=trio.socket.SOCK_DGRAM) as freed,
    ):
        for each in (reader, freed):
            await each.bind(("127.0.0.1", 0))
        closed = freed.getsockname()
        freed.close()
        sending = DatagramSocket(QUIC.bind_endpoint("127.0.0.1", 0, is_shared=False))
        sending.send(b"refused", closed, None)
        with trio.fail_after(2):
            await sending.wait_readable()
            sending.send(b"arrives", reader.getsockname(), None)
            assert await reader.recv(100) == b"arrives"
        [report] = sending.unreachable()
        assert (report.address, report.number) == (closed, errno.ECONNREFUSED)
        sending.close()


@pytest.mark.trio
async def test_report_that_anybody_could_forge_ends_no_dial(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that quotes nothing that only the way of the datagram knows, or another address."""
    monkeypatch.setattr(connection, "HANDSHAKE_TIMEOUT_S", 1.0)
    with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as silent:
        await silent.bind(("127.0.0.1", 0))
        remote = silent.getsockname()
        async with host() as dialler, trio.open_nursery() as nursery:
            [listening] = dialler.get_network().listeners.values()
            at = endpoint_of(listening)

            async def dial() -> None:
                with pytest.raises(SwarmException, match="no answer"):
                    await dialler.swarm.dial_addresses(any_peer(), [QUIC.address(*remote)])

            nursery.start_soon(dial)
            first = await silent.recv(2048)
            true_id = unreachable.source_cid_of(first)
            forged = [
                Unreachable(remote, errno.ECONNREFUSED, b""),
                Unreachable(remote, errno.ECONNREFUSED, bytes(8)),
                Unreachable(("127.0.0.1", 9), errno.ECONNREFUSED, true_id),
            ]
            datagrams: Any = at._datagrams
            monkeypatch.setattr(datagrams, "unreachable", lambda: iter(forged))
            at._end_unreachable()
            assert true_id in at._routes


@pytest.mark.parametrize(
    ("quoted", "found"),
    [
        (b"", b""),
        (b"\xc0\0\0\0\1", b""),
        (b"\xc0\0\0\0\1\2ab", b""),
        (b"\xc0\0\0\0\1\2ab\3xy", b""),
        (b"\xc0\0\0\0\1\2ab\3xyz", b"xyz"),
        (b"\x40\0\0\0\1\2ab\3xyz", b""),
    ],
)
def test_id_is_read_of_what_is_quoted_in_full_only(quoted: bytes, found: bytes) -> None:
    assert unreachable.source_cid_of(quoted) == found


@pytest.mark.parametrize("is_server", [False, True])
@pytest.mark.trio
async def test_router_that_refuses_until_the_hole_is_open_does_not_end_the_punch(
    monkeypatch: pytest.MonkeyPatch, is_server: bool
) -> None:
    refused: list[Multiaddr] = []
    dial_addr = NodeSwarm.dial_addr

    async def record(swarm: NodeSwarm, address: Multiaddr, peer_id: ID) -> INetConn:
        try:
            return await dial_addr(swarm, address, peer_id)
        except SwarmException:
            refused.append(address)
            raise

    monkeypatch.setattr(NodeSwarm, "dial_addr", record)
    async with host(()) as peer, host() as dialler, trio.open_nursery() as nursery:
        with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as freed:
            await freed.bind(("127.0.0.1", 0))
            address = QUIC.address(*freed.getsockname())
        ended = trio.Event()

        async def punch() -> None:
            await dial_directly(dialler.swarm, peer.get_id(), [address], is_server=is_server)
            ended.set()

        nursery.start_soon(punch)
        await wait_seen(lambda: len(refused) >= 2)
        await peer.swarm.listen(address)
        with trio.fail_after(5):
            await ended.wait()
        assert dialler.swarm.get_connections(peer.get_id())
