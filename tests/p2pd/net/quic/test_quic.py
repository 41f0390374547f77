"""QUIC between two hosts of ours: credit, bounds, ends, and who is at the other end."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

import pytest
import trio
from aioquic.quic.configuration import QuicConfiguration
from libp2p.abc import INetConn, INetStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.connections.local_end import local_host_of
from p2pd.net.host import HostOptions, open_host
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.quic import connection, endpoint
from p2pd.net.quic.connection import QuicMuxer
from p2pd.net.quic.core import CONNECTION_WINDOW_BYTES, STREAM_WINDOW_BYTES, CreditedQuic
from p2pd.net.quic.core import configurations as quic_configurations
from p2pd.net.quic.endpoint import QuicEndpoint
from p2pd.net.quic.resets import StatelessResets
from p2pd.net.quic.stream import QuicMuxedStream
from p2pd.net.transports import QUIC, TCP, transport_of
from tests.upstream.stacks import peer_info
from tests.upstream.waiting import wait_seen

LISTEN = "/ip4/127.0.0.1/udp/0/quic-v1"
PROTOCOL = TProtocol("/test/1")
MIB = 1024 * 1024


@dataclass(frozen=True)
class Pair:
    """Two hosts, of which the first dialled the second."""

    dialler: NodeHost
    listener: NodeHost
    rejections: Rejections
    connection: INetConn

    @property
    def inbound(self) -> INetConn:
        [inbound] = self.listener.get_network().get_connections()
        return inbound

    @property
    def muxer(self) -> QuicMuxer:
        """The connection at the end that dialled."""
        return muxer_of(self.connection)

    @property
    def inbound_muxer(self) -> QuicMuxer:
        """The connection at the other end."""
        return muxer_of(self.inbound)


def muxer_of(connection: INetConn) -> QuicMuxer:
    """Return what the library has under a connection."""
    muxer = connection.muxed_conn
    assert isinstance(muxer, QuicMuxer)
    return muxer


def muxed_stream_of(stream: Any) -> QuicMuxedStream:
    """Return what the library has under a stream."""
    muxed = stream.muxed_stream
    assert isinstance(muxed, QuicMuxedStream)
    return muxed


def endpoint_of(listener: Any) -> QuicEndpoint:
    """Return the socket that a listener has."""
    found = listener._endpoint
    assert isinstance(found, QuicEndpoint)
    return found


def listens_to(muxer: QuicMuxer, stream: QuicMuxedStream) -> bool:
    return stream in muxer._streams.values()


@asynccontextmanager
async def host(
    listen: tuple[str, ...] = (LISTEN,), rejections: Rejections | None = None
) -> AsyncIterator[NodeHost]:
    async with open_host(
        HostOptions(create_new_key_pair(), listen), rejections or Rejections()
    ) as opened:
        yield opened


@asynccontextmanager
async def pair(listen: str = LISTEN) -> AsyncIterator[Pair]:
    rejections = Rejections()
    async with host((listen,), rejections) as listener, host() as dialler:
        info = peer_info(listener)
        dialled = await dialler.swarm.dial_addresses(info.peer_id, info.addrs)
        await wait_seen(listener.get_network().get_connections)
        yield Pair(dialler, listener, rejections, dialled)


@pytest.mark.trio
async def test_what_nobody_reads_is_bounded_and_arrives_whole_once_it_is_read() -> None:
    sent = b"".join(b"%07d " % number for number in range(8 * MIB // 8))
    may_read, received = trio.Event(), bytearray()
    ended = trio.Event()

    async def read_late(stream: INetStream) -> None:
        await may_read.wait()
        while len(received) < len(sent):
            received.extend(await stream.read(64 * 1024))
        ended.set()

    async with pair() as two, trio.open_nursery() as nursery:
        two.listener.set_stream_handler(PROTOCOL, read_late)
        stream = await two.dialler.new_stream(two.listener.get_id(), [PROTOCOL])
        nursery.start_soon(stream.write, sent)
        muxer = two.inbound_muxer

        def unread() -> int:
            return sum(each.unread_bytes for each in muxer._streams.values())

        await wait_seen(unread, lambda size: size > STREAM_WINDOW_BYTES // 2)
        for _ in range(20):
            await two.muxer.ping()
            assert unread() <= STREAM_WINDOW_BYTES < CONNECTION_WINDOW_BYTES
        may_read.set()
        with trio.fail_after(30):
            await ended.wait()
    assert bytes(received) == sent


@pytest.mark.trio
async def test_streams_given_up_unread_do_not_use_up_the_connection() -> None:
    """Each leaves a window of bytes unread; together they are more than the connection's."""

    async def refuse(stream: INetStream) -> None:
        muxed = muxed_stream_of(stream)
        await wait_seen(lambda: muxed.unread_bytes > STREAM_WINDOW_BYTES // 2)
        await stream.reset()

    async with pair() as two:
        two.listener.set_stream_handler(PROTOCOL, refuse)
        with trio.fail_after(30):
            for _ in range(2 * CONNECTION_WINDOW_BYTES // STREAM_WINDOW_BYTES):
                stream = await two.dialler.new_stream(two.listener.get_id(), [PROTOCOL])
                with trio.move_on_after(10):
                    try:
                        await stream.write(bytes(STREAM_WINDOW_BYTES * 2))
                    # Reset, stopped or closed: the peer wants none of it.
                    except Exception:
                        continue
            await two.muxer.ping()
        assert not two.connection.is_closed


@pytest.mark.trio
async def test_half_closed_stream_is_answered() -> None:
    async def answer(stream: INetStream) -> None:
        question = bytearray()
        try:
            while data := await stream.read(1024):
                question.extend(data)
        # How the library reports the end of a stream is not the point here.
        except Exception:
            await stream.write(bytes(question[::-1]))
        await stream.close()

    async with pair() as two:
        two.listener.set_stream_handler(PROTOCOL, answer)
        stream = await two.dialler.new_stream(two.listener.get_id(), [PROTOCOL])
        await stream.write(b"abc")
        await stream.close()
        with trio.fail_after(10):
            assert await muxed_stream_of(stream).read(1024) == b"cba"
        for muxer in (two.muxer, two.inbound_muxer):
            listening = partial(listens_to, muxer, muxed_stream_of(stream))
            await wait_seen(listening, lambda seen: not seen)


@pytest.mark.trio
async def test_end_of_one_side_is_the_end_of_the_other_at_once() -> None:
    async with pair() as two:
        inbound = two.inbound
        await two.connection.close()
        await wait_seen(lambda: inbound.is_closed, timeout_s=2)
        await wait_seen(two.listener.get_network().get_connections, lambda left: not left)
        assert not two.listener.get_connected_peers()


@pytest.mark.trio
async def test_dials_leave_from_the_port_that_is_listened_on() -> None:
    async with pair() as two:
        [seen] = two.inbound.get_transport_addresses()
        assert seen in peer_info(two.dialler).addrs


@pytest.mark.trio
async def test_another_peer_than_the_one_dialled_is_refused() -> None:
    async with host() as listener, host() as dialler:
        stranger = ID.from_pubkey(create_new_key_pair().public_key)
        with pytest.raises(SwarmException, match="another peer answers there"):
            await dialler.swarm.dial_addresses(stranger, peer_info(listener).addrs)
        await wait_seen(listener.get_network().get_connections, lambda left: not left)


@pytest.mark.trio
async def test_silent_address_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HANDSHAKE_TIMEOUT_S", 1.0)
    with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as silent:
        await silent.bind(("127.0.0.1", 0))
        address = QUIC.address(*silent.getsockname())
        async with host() as dialler:
            peer_id = ID.from_pubkey(create_new_key_pair().public_key)
            with trio.fail_after(5), pytest.raises(SwarmException, match="no answer"):
                await dialler.swarm.dial_addresses(peer_id, [address])


@pytest.mark.trio
async def test_both_ip_versions_share_a_port() -> None:
    async with host(("/ip4/0.0.0.0/udp/0/quic-v1",)) as first:
        [bound] = first.get_network().listeners.values()
        _, port = QUIC.endpoint(bound.get_addrs()[0])
    both = (f"/ip4/0.0.0.0/udp/{port}/quic-v1", f"/ip6/::/udp/{port}/quic-v1")
    async with host(both) as listener, host(()) as dialler:
        for local in ("127.0.0.1", "::1"):
            address = QUIC.address(local, port)
            await dialler.swarm.dial_addr(address, listener.get_id())
        seen = await wait_seen(
            lambda: [
                str(each.get_transport_addresses()[0])
                for each in listener.get_network().get_connections()
            ],
            lambda addresses: len(addresses) == 2,
        )
        assert sorted(address[:4] for address in seen) == ["/ip4", "/ip6"]
        ends = [local_host_of(each) for each in listener.get_network().get_connections()]
        assert sorted(map(str, ends)) == ["127.0.0.1", "::1"]
        ends = [local_host_of(each) for each in dialler.get_network().get_connections()]
        assert ends == [None, None], "what this side opened goes on from another address"


@pytest.mark.trio
async def test_handshakes_that_are_never_finished_are_bounded_and_keep_nobody_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(connection, "HANDSHAKE_TIMEOUT_S", 3.0)
    rejections = Rejections()
    async with host(rejections=rejections) as listener, host() as dialler:
        [address] = peer_info(listener).addrs
        target = QUIC.endpoint(address)
        key = create_new_key_pair()
        configuration = quic_configurations(key.private_key, ID.from_pubkey(key.public_key))[True]
        with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as crowd:
            for _ in range(endpoint.MAX_HANDSHAKES * 3):
                await crowd.sendto(first_packet(configuration, target), target)
            await crowd.sendto(b"\xc0" + bytes(1199), target)
            await crowd.sendto(b"\x40" + bytes(30), target)
            [listening] = listener.get_network().listeners.values()

            def begun() -> int:
                return endpoint_of(listening)._handshakes

            await wait_seen(begun, lambda count: count == endpoint.RETRY_FROM_HANDSHAKES)
            honest = await dialler.swarm.dial_addresses(listener.get_id(), [address])
            await muxer_of(honest).ping()
            assert begun() <= endpoint.RETRY_FROM_HANDSHAKES
        await wait_seen(begun, lambda count: count == 0)
        assert len(set(endpoint_of(listening)._routes.values())) == 1


@pytest.mark.trio
async def test_one_host_does_not_take_every_handshake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HANDSHAKE_TIMEOUT_S", 3.0)
    monkeypatch.setattr(endpoint, "RETRY_FROM_HANDSHAKES", endpoint.MAX_HANDSHAKES)
    rejections = Rejections()
    async with host(rejections=rejections) as listener:
        [address] = peer_info(listener).addrs
        target = QUIC.endpoint(address)
        key = create_new_key_pair()
        configuration = quic_configurations(key.private_key, ID.from_pubkey(key.public_key))[True]
        [listening] = listener.get_network().listeners.values()
        most = endpoint.MAX_HANDSHAKES_PER_SUBSCRIBER
        for ip, begun in (("127.0.0.1", most), ("127.0.0.2", most + 1)):
            with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as crowd:
                await crowd.bind((ip, 0))
                for _ in range(most + 8 if begun == most else 1):
                    await crowd.sendto(first_packet(configuration, target), target)
                await wait_seen(lambda: endpoint_of(listening)._handshakes, begun.__eq__)
        await wait_seen(
            lambda: rejections.totals[RejectionReason.QUIC_HANDSHAKES_PER_ADDRESS], (8).__eq__
        )
        await wait_seen(lambda: endpoint_of(listening)._handshakes_from, lambda left: not left)


def first_packet(configuration: QuicConfiguration, target: tuple[str, int]) -> bytes:
    resets = StatelessResets(create_new_key_pair().private_key)
    core = CreditedQuic(resets, configuration=configuration)
    core.connect(target, now=0.0)
    [(data, _), *_] = core.datagrams_to_send(now=0.0)
    return data


@pytest.mark.trio
async def test_unreachable_network_fails_at_once() -> None:
    async with host() as dialler:
        peer_id = ID.from_pubkey(create_new_key_pair().public_key)
        with trio.fail_after(3), pytest.raises(SwarmException):
            await dialler.swarm.dial_addresses(
                peer_id, [Multiaddr("/ip4/255.255.255.255/udp/1/quic-v1")]
            )


@pytest.mark.trio
async def test_answers_come_from_the_address_that_was_dialled() -> None:
    """127.0.0.2 is one of many addresses of this machine; left alone, it answers as 127.0.0.1."""
    async with host(("/ip4/0.0.0.0/udp/0/quic-v1",)) as listener:
        [listening] = listener.get_network().listeners.values()
        _, port = QUIC.endpoint(listening.get_addrs()[0])
        source = trio.socket.socket(type=trio.socket.SOCK_DGRAM)
        with source:
            await source.bind(("127.0.0.1", 0))
            key = create_new_key_pair()
            configuration = quic_configurations(key.private_key, ID.from_pubkey(key.public_key))[
                True
            ]
            target = ("127.0.0.2", port)
            await source.sendto(first_packet(configuration, target), target)
            with trio.fail_after(10):
                _, answered_from = await source.recvfrom(2048)
        assert answered_from == target


@pytest.mark.trio
async def test_peer_of_a_killed_node_learns_it_with_its_next_datagram() -> None:
    key_pair = create_new_key_pair()
    async with host() as peer:
        async with open_host(HostOptions(key_pair, (LISTEN,)), Rejections()) as killed:
            info = peer_info(killed)
            dialled = await peer.swarm.dial_addresses(info.peer_id, info.addrs)
            [inbound] = await wait_seen(killed.get_network().get_connections)
            muxer_of(inbound)._wire = Silence()
        assert not dialled.is_closed
        listen = tuple(str(each) for each in info.addrs)
        async with open_host(HostOptions(key_pair, listen), Rejections()):
            with trio.fail_after(3), pytest.raises(MuxedConnUnavailable):
                await muxer_of(dialled).ping()
            await wait_seen(lambda: dialled.is_closed)


class Silence:
    """The wire of a node that was killed: it says nothing."""

    def transmit(self, *_: object) -> None:
        pass

    def route(self, *_: object) -> None:
        pass

    def unroute(self, *_: object) -> None:
        pass


@pytest.mark.trio
async def test_nothing_that_anybody_sends_ends_the_endpoint() -> None:
    """Noise, broken copies of true packets, and a core that raises: one connection ends."""
    async with pair() as two, host() as other:
        [address] = peer_info(two.listener).addrs
        target = QUIC.endpoint(address)
        random = Random(7)
        with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as stranger:
            for size in range(1, 1400, 7):
                noise = bytearray(random.randbytes(size))
                noise[0] |= 0x40 | (0x80 if size % 2 else 0)
                noise[1:5] = b"\0\0\0\1"[: len(noise[1:5])]
                await stranger.sendto(noise, target)
        await two.muxer.ping()

        def fail(*_: object, **__: object) -> None:
            raise AssertionError("broken")

        muxer = two.inbound_muxer
        core: Any = muxer._core
        core.receive_datagram = fail
        core.datagrams_to_send = fail
        with pytest.raises(MuxedConnUnavailable):
            await two.muxer.ping()
        await wait_seen(lambda: muxer.is_closed)
        assert two.rejections.totals[RejectionReason.QUIC_PROTOCOL] >= 1
        again = await other.swarm.dial_addresses(two.listener.get_id(), [address])
        await muxer_of(again).ping()


@pytest.mark.trio
async def test_peer_whose_tcp_is_blocked_is_reached_over_quic_at_once() -> None:
    async with host() as listener, host() as dialler:
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))
            silent.listen(0)
            blocked = TCP.address(*silent.getsockname())
            with trio.fail_after(5):
                dialled = await dialler.swarm.dial_addresses(
                    listener.get_id(), [blocked, *peer_info(listener).addrs]
                )
            assert transport_of(dialled.get_transport_addresses()[0]) is QUIC


@pytest.mark.trio
async def test_id_is_known_before_the_peer_may_use_it() -> None:
    """go changes to a new id with its first answer; ours and aioquic's do not."""
    async with pair() as two:
        muxer, peer = two.inbound_muxer, two.muxer
        wire = muxer._wire
        assert isinstance(wire, QuicEndpoint)
        routes = wire._routes
        await peer.ping()
        muxer._core._host_cids.pop()
        muxer._core._replenish_connection_ids()
        newest = muxer._core._host_cids[-1].cid
        assert newest not in routes
        muxer.flush()
        assert routes[newest] is muxer
