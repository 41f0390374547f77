"""What a peer can make a connection hold, say, and cost."""

from __future__ import annotations

import struct
from typing import Any

import trio
from libp2p.abc import IHost, INetStream
from libp2p.custom_types import TProtocol
from libp2p.security.tls.transport import PROTOCOL_ID as TLS

from tests.upstream.defect import defect
from tests.upstream.stacks import STOCK, Stack, connect, peer_info
from tests.upstream.waiting import wait_seen
from tests.upstream.wires import wire_to

SINK = TProtocol("/test/sink/1")
COUNT = TProtocol("/test/count/1")
KIB = 1024
WINDOW_BYTES = 256 * KIB
FRAME_BYTES = 60 * KIB
SMALL_WRITES = 400
SMALL_BYTES = 1_000


def data_frame(stream_id: int, size_bytes: int) -> bytes:
    """Announce ``size_bytes`` of data on a stream."""
    return struct.pack("!BBHII", 0, 0, 0, stream_id, size_bytes)


async def never_read(stream: INetStream) -> None:
    await trio.sleep_forever()


async def open_sink(attacker: IHost, host: IHost) -> INetStream:
    await connect(attacker, host)
    stream = await attacker.new_stream(host.get_id(), [SINK])
    await wait_seen(host.get_connected_peers)
    return stream


@defect(20, "a peer may send as much as it likes beyond its window")
async def test_peer_that_overruns_its_window_is_cut_off(stack: Stack) -> None:
    async with stack.host() as host, STOCK.host() as attacker:
        host.set_stream_handler(SINK, never_read)
        stream = await open_sink(attacker, host)
        frame = data_frame(muxed_stream_of(stream).stream_id, FRAME_BYTES) + bytes(FRAME_BYTES)
        await _send_until_cut(stream, [frame] * (2 * WINDOW_BYTES // FRAME_BYTES))
        await wait_seen(host.get_connected_peers, lambda peers: not peers, timeout_s=5)


@defect(20, "a frame of 16 MiB is waited for")
async def test_giant_frame_is_refused_by_its_head(stack: Stack) -> None:
    async with stack.host() as host, STOCK.host() as attacker:
        host.set_stream_handler(SINK, never_read)
        stream = await open_sink(attacker, host)
        head = data_frame(muxed_stream_of(stream).stream_id, 16 * KIB * KIB)
        await _send_until_cut(stream, [head + bytes(KIB)])
        await wait_seen(host.get_connected_peers, lambda peers: not peers, timeout_s=5)


def muxed_stream_of(stream: Any) -> Any:
    """Return what the library has under a stream."""
    return stream.muxed_stream


async def _send_until_cut(stream: INetStream, frames: list[bytes]) -> None:
    for frame in frames:
        try:
            await muxed_stream_of(stream).muxed_conn.secured_conn.write(frame)
        # Being cut off is what the scenario waits for.
        except Exception:
            return


@defect(7, "a window update answers every read, and each is a message of its own")
async def test_reading_small_messages_costs_no_answers(stack: Stack) -> None:
    received = 0

    async def count(stream: INetStream) -> None:
        nonlocal received
        while chunk := await stream.read(SMALL_BYTES):
            received += len(chunk)

    async with stack.host() as host, STOCK.host() as peer, wire_to(host) as wire:
        host.set_stream_handler(COUNT, count)
        await peer.connect(wire.info)
        stream = await peer.new_stream(host.get_id(), [COUNT])
        await stream.write(b"x" * SMALL_BYTES)
        await wait_seen(lambda: received, lambda size: size == SMALL_BYTES)
        before_bytes = wire.to_dialler_bytes
        for number in range(2, SMALL_WRITES + 2):
            await stream.write(b"x" * SMALL_BYTES)
            await wait_seen(lambda: received, (number * SMALL_BYTES).__eq__)
        answered_bytes = wire.to_dialler_bytes - before_bytes
        assert answered_bytes < SMALL_WRITES, answered_bytes


@defect(36, "TLS is offered, and go peers choose it")
async def test_noise_alone_is_offered(stack: Stack) -> None:
    async with stack.host() as host:
        port = int(str(peer_info(host).addrs[0].value_for_protocol("tcp")))
        stream = await trio.open_tcp_stream("127.0.0.1", port)
        async with stream:
            await stream.send_all(_line("/multistream/1.0.0") + _line(TLS))
            want = _line("/multistream/1.0.0") + _line("na")
            assert await _read_exactly(stream, len(want)) == want


def _line(text: str) -> bytes:
    encoded = text.encode() + b"\n"
    return bytes([len(encoded)]) + encoded


async def _read_exactly(stream: trio.SocketStream, size: int) -> bytes:
    received = b""
    with trio.fail_after(10):
        while len(received) < size:
            received += await stream.receive_some(size - len(received))
    return received
