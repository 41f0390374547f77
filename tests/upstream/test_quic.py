"""QUIC: streams without holes or deadlines of their own, ends that are noticed, true addresses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio
import trio.testing
from libp2p.abc import IHost, INetStream
from libp2p.custom_types import TProtocol
from libp2p.identity.identify.identify import ID as IDENTIFY
from libp2p.identity.identify.pb.identify_pb2 import Identify
from libp2p.network.stream.exceptions import StreamError
from libp2p.stream_muxer.exceptions import MuxedConnUnavailable
from libp2p.utils.varint import read_varint_prefixed_bytes
from multiaddr import Multiaddr

from tests.upstream.defect import defect
from tests.upstream.stacks import Stack, connect
from tests.upstream.waiting import wait_seen

LISTEN = "/ip4/127.0.0.1/udp/0/quic-v1"
PROTOCOL = TProtocol("/test/1")
MIB = 1024 * 1024
MORE_THAN_IS_HELD_BYTES = 4 * MIB
HELD_BACK_S = 2.0
QUIET_S = 35.0
CLOCK_RATE = 20.0


@asynccontextmanager
async def two_over_quic(stack: Stack) -> AsyncIterator[tuple[IHost, IHost]]:
    async with stack.host(listen=[LISTEN]) as dialler, stack.host(listen=[LISTEN]) as listener:
        await connect(dialler, listener)
        await wait_seen(listener.get_network().get_connections)
        yield dialler, listener


@defect(
    71,
    "what a slow reader of a stream does not hold is dropped: a hole in the stream",
    fails_with=(AssertionError, trio.TooSlowError),
)
async def test_slow_reader_of_a_stream_gets_all_of_it(stack: Stack) -> None:
    sent = b"".join(b"%07d " % number for number in range(MORE_THAN_IS_HELD_BYTES // 8))
    may_read, ended, received = trio.Event(), trio.Event(), bytearray()

    async def read_late(stream: INetStream) -> None:
        await may_read.wait()
        while len(received) < len(sent):
            received.extend(await stream.read(64 * 1024))
        ended.set()

    async with two_over_quic(stack) as (dialler, listener), trio.open_nursery() as nursery:
        listener.set_stream_handler(PROTOCOL, read_late)
        stream = await dialler.new_stream(listener.get_id(), [PROTOCOL])
        nursery.start_soon(stream.write, sent)
        with trio.move_on_after(HELD_BACK_S):
            await ended.wait()
        may_read.set()
        with trio.fail_after(10):
            await ended.wait()
    assert bytes(received) == sent


@defect(
    28,
    "a stream that is quiet for 30 s is ended",
    fails_with=(AssertionError, trio.TooSlowError),
    clock_rate=CLOCK_RATE,
)
async def test_quiet_stream_stays_open(stack: Stack) -> None:
    received: list[bytes] = []

    async def read(stream: INetStream) -> None:
        try:
            while data := await stream.read(1024):
                received.append(data)
        # How it ends is up to the stack.
        except Exception:
            await trio.lowlevel.checkpoint()

    async with two_over_quic(stack) as (dialler, listener), trio.open_nursery() as nursery:
        if stack.is_ours:
            nursery.start_soon(ping_often, dialler)
        listener.set_stream_handler(PROTOCOL, read)
        stream = await dialler.new_stream(listener.get_id(), [PROTOCOL])
        await stream.write(b"before")
        await wait_seen(lambda: received)
        await trio.sleep(QUIET_S)
        try:
            await stream.write(b"after")
        except StreamError:
            await trio.lowlevel.checkpoint()
        await wait_seen(lambda: received[-1], lambda last: last == b"after", timeout_s=2.5)
        nursery.cancel_scope.cancel()


async def ping_often(host: IHost) -> None:
    """Do what our connections do for as long as they live."""
    [connection] = host.get_network().get_connections()
    while True:
        await connection.muxed_conn.ping()  # type: ignore[attr-defined]
        await trio.sleep(5)


@defect(29, "closing a connection does not wake who waits for its next stream")
async def test_close_wakes_who_waits_for_a_stream(stack: Stack) -> None:
    woken = trio.Event()
    async with two_over_quic(stack) as (dialler, _), trio.open_nursery() as nursery:
        [connection] = dialler.get_network().get_connections()

        async def accept() -> None:
            try:
                await connection.muxed_conn.accept_stream()
            except MuxedConnUnavailable:
                woken.set()

        nursery.start_soon(accept)
        await trio.testing.wait_all_tasks_blocked(0.05)
        await connection.muxed_conn.close()
        await wait_seen(woken.is_set, timeout_s=3)
        nursery.cancel_scope.cancel()


@defect(35, "a connection that the peer has closed looks open for seconds")
async def test_end_of_a_connection_is_noticed_at_once(stack: Stack) -> None:
    async with two_over_quic(stack) as (dialler, listener):
        await dialler.disconnect(listener.get_id())
        await wait_seen(listener.get_network().get_connections, lambda left: not left, timeout_s=1)


@defect(32, "identify calls the address of a QUIC peer TCP")
async def test_identify_reports_the_true_address(stack: Stack) -> None:
    async with two_over_quic(stack) as (dialler, listener):
        stream = await dialler.new_stream(listener.get_id(), [IDENTIFY])
        message = Identify()
        message.ParseFromString(await read_varint_prefixed_bytes(stream))
        assert "/quic-v1" in str(Multiaddr(message.observed_addr))


@defect(72, "an inbound connection is called by the name of a draft")
async def test_inbound_connection_tells_its_transport(stack: Stack) -> None:
    async with two_over_quic(stack) as (_, listener):
        [connection] = listener.get_network().get_connections()
        [address] = connection.get_transport_addresses()
        assert str(address).endswith("/quic-v1"), address
