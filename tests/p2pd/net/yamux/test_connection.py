"""One multiplexed connection over a pipe in memory, with the frames looked at."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio
import trio.testing
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.peer.id import ID
from libp2p.stream_muxer.exceptions import (
    MuxedConnUnavailable,
    MuxedStreamClosed,
    MuxedStreamEOF,
    MuxedStreamError,
    MuxedStreamReset,
)

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.muxing.connection import LINGER_S
from p2pd.net.muxing.stream import STALL_TIMEOUT_S
from p2pd.net.yamux.connection import MAX_STREAMS, YamuxConnection
from p2pd.net.yamux.frames import (
    HEADER,
    INITIAL_WINDOW_BYTES,
    MAX_DATA_BYTES,
    Flag,
    FrameType,
    Header,
    encode_frame,
)

PEER = ID.from_pubkey(create_new_key_pair().public_key)


class PipeConnection:
    """A secured connection without the securing."""

    def __init__(self, pipe: trio.StapledStream, is_initiator: bool) -> None:
        self.pipe = pipe
        self.is_initiator = is_initiator

    async def read(self, n: int | None = None) -> bytes:
        try:
            return bytes(await self.pipe.receive_some(n))
        except (trio.ClosedResourceError, trio.BrokenResourceError) as error:
            raise ConnectionClosedError("closed") from error

    async def write(self, data: bytes) -> None:
        try:
            await self.pipe.send_all(data)
        except (trio.ClosedResourceError, trio.BrokenResourceError) as error:
            raise ConnectionClosedError("closed") from error

    async def close(self) -> None:
        await self.pipe.aclose()


def muxer_over(
    pipe: trio.StapledStream, is_initiator: bool, rejections: Rejections
) -> YamuxConnection:
    return YamuxConnection(PipeConnection(pipe, is_initiator), PEER, rejections)  # type: ignore[arg-type]


@asynccontextmanager
async def two_ends() -> AsyncIterator[tuple[YamuxConnection, YamuxConnection]]:
    """Join a dialler and a listener."""
    near, far = trio.testing.memory_stream_pair()
    async with trio.open_nursery() as nursery:
        dialler = muxer_over(near, True, Rejections())
        listener = muxer_over(far, False, Rejections())
        for each in (dialler, listener):
            nursery.start_soon(each.start)
            await each.event_started.wait()
        yield dialler, listener
        await dialler.close()
        await listener.event_closed.wait()


@dataclass
class RawPeer:
    """The far end of a connection under test, speaking in frames."""

    muxer: YamuxConnection
    pipe: trio.StapledStream
    rejections: Rejections

    async def send(
        self, kind: int, flags: int, stream_id: int, length: int, body: bytes = b""
    ) -> None:
        await self.pipe.send_all(encode_frame(kind, flags, stream_id, length) + body)

    async def receive(self) -> tuple[Header, bytes]:
        header = Header(*HEADER.unpack(await self._exactly(HEADER.size)))
        body = header.length if header.type == FrameType.DATA else 0
        return header, await self._exactly(body)

    async def _exactly(self, size: int) -> bytes:
        received = b""
        while len(received) < size:
            chunk = await self.pipe.receive_some(size - len(received))
            if not chunk:
                raise EOFError
            received += chunk
        return received

    async def expect_cut_off(self) -> None:
        with trio.fail_after(5):
            await self.muxer.event_closed.wait()
        assert self.rejections.totals[RejectionReason.YAMUX_PROTOCOL] == 1


@asynccontextmanager
async def raw_peer() -> AsyncIterator[RawPeer]:
    """Open a listener whose dialler is the test."""
    near, far = trio.testing.memory_stream_pair()
    rejections = Rejections()
    async with trio.open_nursery() as nursery:
        muxer = muxer_over(near, False, rejections)
        nursery.start_soon(muxer.start)
        await muxer.event_started.wait()
        yield RawPeer(muxer, far, rejections)
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_bytes_arrive_in_order_both_ways() -> None:
    async with two_ends() as (dialler, listener):
        near = await dialler.open_stream()
        far = await listener.accept_stream()
        await near.write(b"ping")
        assert await far.read() == b"ping"
        await far.write(b"pong!")
        assert await near.read(4) == b"pong"
        assert await near.read(4) == b"!"


@pytest.mark.trio
async def test_more_than_a_window_passes_when_it_is_read() -> None:
    data = random.Random(7).randbytes(5 * INITIAL_WINDOW_BYTES + 1)
    async with two_ends() as (dialler, listener), trio.open_nursery() as nursery:
        near = await dialler.open_stream()
        far = await listener.accept_stream()
        nursery.start_soon(near.write, data)
        received = bytearray()
        while len(received) < len(data):
            received += await far.read(10_000)
        assert received == data


@pytest.mark.trio
async def test_unread_stream_does_not_hold_up_another() -> None:
    async with two_ends() as (dialler, listener), trio.open_nursery() as nursery:
        stuck = await dialler.open_stream()
        await listener.accept_stream()
        nursery.start_soon(stuck.write, bytes(2 * INITIAL_WINDOW_BYTES))
        near = await dialler.open_stream()
        far = await listener.accept_stream()
        await near.write(b"through")
        with trio.fail_after(5):
            assert await far.read() == b"through"
        nursery.cancel_scope.cancel()


@pytest.mark.trio
async def test_closed_stream_can_still_be_read_by_its_closer() -> None:
    async with two_ends() as (dialler, listener):
        near = await dialler.open_stream()
        far = await listener.accept_stream()
        await near.write(b"question")
        await near.close()
        with pytest.raises(MuxedStreamClosed):
            await near.write(b"more")
        assert await far.read() == b"question"
        with pytest.raises(MuxedStreamEOF):
            await far.read()
        await far.write(b"answer")
        await far.close()
        assert await near.read() == b"answer"
        with pytest.raises(MuxedStreamEOF):
            await near.read()
        assert near.is_closed()
        assert far.is_closed()


@pytest.mark.trio
async def test_reset_ends_both_directions_at_once() -> None:
    async with two_ends() as (dialler, listener):
        near = await dialler.open_stream()
        far = await listener.accept_stream()
        await near.reset()
        with pytest.raises(MuxedStreamReset):
            await near.write(b"late")
        with pytest.raises(MuxedStreamReset):
            await far.read()


@pytest.mark.trio
async def test_closing_wakes_everybody_and_says_goodbye() -> None:
    async with two_ends() as (dialler, listener), trio.open_nursery() as nursery:
        near = await dialler.open_stream()
        far = await listener.accept_stream()

        async def expect(error: type[Exception], call: object) -> None:
            with pytest.raises(error):
                await call()  # type: ignore[operator]

        nursery.start_soon(expect, MuxedStreamReset, near.read)
        nursery.start_soon(expect, MuxedStreamReset, far.read)
        nursery.start_soon(expect, MuxedConnUnavailable, listener.accept_stream)
        await trio.testing.wait_all_tasks_blocked()
        await dialler.close()
        with pytest.raises(MuxedStreamError):
            await dialler.open_stream()
        with pytest.raises(MuxedConnUnavailable):
            await dialler.ping()


@pytest.mark.trio
async def test_what_was_written_leaves_before_the_connection_closes() -> None:
    async with raw_peer() as peer:
        await peer.send(FrameType.WINDOW_UPDATE, Flag.SYN, 1, 0)
        stream = await peer.muxer.accept_stream()
        await stream.write(b"last words")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.muxer.close)
            frames = [await peer.receive() for _ in range(3)]
        assert [header.type for header, _ in frames] == [
            FrameType.WINDOW_UPDATE,
            FrameType.DATA,
            FrameType.GO_AWAY,
        ]
        assert frames[1][1] == b"last words"


@pytest.mark.trio
async def test_what_came_before_the_end_can_still_be_read() -> None:
    async with raw_peer() as peer:
        await peer.send(FrameType.WINDOW_UPDATE, Flag.SYN, 1, 0)
        stream = await peer.muxer.accept_stream()
        last_words = encode_frame(FrameType.DATA, Flag.NONE, 1, 10) + b"last words"
        await peer.pipe.send_all(last_words + encode_frame(FrameType.GO_AWAY, 0, 0, 0))
        await peer.muxer.event_closed.wait()
        assert await stream.read() == b"last words"
        with pytest.raises(MuxedStreamReset):
            await stream.read()


@pytest.mark.trio
async def test_ping_measures_and_is_answered() -> None:
    async with two_ends() as (dialler, listener):
        assert 0 <= await dialler.ping() < 5
        assert 0 <= await listener.ping() < 5


@pytest.mark.trio
async def test_credit_is_granted_at_half_a_window() -> None:
    async with raw_peer() as peer:
        await peer.send(FrameType.WINDOW_UPDATE, Flag.SYN, 1, 0)
        stream = await peer.muxer.accept_stream()
        assert (await peer.receive())[0].flags == Flag.ACK
        half = INITIAL_WINDOW_BYTES // 2
        for size in (half - 1, 1):
            await peer.send(FrameType.DATA, Flag.NONE, 1, size, bytes(size))
            assert len(await stream.read()) == size
        header, _ = await peer.receive()
        assert (header.type, header.length) == (FrameType.WINDOW_UPDATE, half)


@pytest.mark.trio
async def test_data_frames_are_of_a_size_that_others_take() -> None:
    async with raw_peer() as peer, trio.open_nursery() as nursery:
        await peer.send(FrameType.WINDOW_UPDATE, Flag.SYN, 1, 0)
        stream = await peer.muxer.accept_stream()
        nursery.start_soon(stream.write, bytes(3 * MAX_DATA_BYTES))
        await peer.receive()
        sizes = [(await peer.receive())[0].length for _ in range(3)]
        assert sizes == [MAX_DATA_BYTES] * 3


@pytest.mark.trio
async def test_window_counts_over_many_frames() -> None:
    async with raw_peer() as peer:
        await peer.send(FrameType.WINDOW_UPDATE, Flag.SYN, 1, 0)
        for _ in range(INITIAL_WINDOW_BYTES // 1024):
            await peer.send(FrameType.DATA, Flag.NONE, 1, 1024, bytes(1024))
        assert not peer.muxer.is_closed
        await peer.send(FrameType.DATA, Flag.NONE, 1, 1, b"x")
        await peer.expect_cut_off()


@pytest.mark.trio
@pytest.mark.parametrize(
    "frame",
    [
        encode_frame(FrameType.DATA, Flag.SYN, 1, INITIAL_WINDOW_BYTES + 1),
        encode_frame(FrameType.DATA, Flag.SYN, 1, 2**32 - 1),
        encode_frame(FrameType.WINDOW_UPDATE, Flag.SYN, 2, 0),
        encode_frame(FrameType.WINDOW_UPDATE, Flag.SYN, 0, 0),
        encode_frame(FrameType.WINDOW_UPDATE, Flag.SYN, 5, 0) * 2,
        b"\x01" + bytes(11),
        b"\x00\x04" + bytes(10),
    ],
    ids=["over window", "giant", "our id", "session id", "twice", "version", "type"],
)
async def test_broken_rules_end_the_connection(frame: bytes) -> None:
    async with raw_peer() as peer:
        await peer.pipe.send_all(frame)
        await peer.expect_cut_off()


@pytest.mark.trio
async def test_streams_may_be_opened_in_any_order() -> None:
    """go-libp2p takes the ids of streams in order and sends them in none."""
    async with raw_peer() as peer:
        for stream_id in (5, 1, 3):
            await peer.send(FrameType.WINDOW_UPDATE, Flag.SYN, stream_id, 0)
        opened = [(await peer.muxer.accept_stream()).stream_id for _ in range(3)]
        assert opened == [5, 1, 3]


@pytest.mark.trio
async def test_frames_of_unknown_streams_are_passed_over() -> None:
    async with raw_peer() as peer:
        await peer.send(FrameType.DATA, Flag.NONE, 77, 3, b"old")
        await peer.send(FrameType.WINDOW_UPDATE, Flag.RST, 78, 0)
        await peer.send(FrameType.PING, Flag.ACK, 0, 12345)
        await peer.send(FrameType.PING, Flag.SYN, 0, 7)
        header, _ = await peer.receive()
        assert (header.type, header.flags, header.length) == (FrameType.PING, Flag.ACK, 7)


@pytest.mark.trio
async def test_streams_beyond_the_bound_are_reset() -> None:
    async with raw_peer() as peer:
        for number in range(MAX_STREAMS + 1):
            await peer.send(FrameType.WINDOW_UPDATE, Flag.SYN, 2 * number + 1, 0)
        flags = [(await peer.receive())[0].flags for _ in range(MAX_STREAMS + 1)]
        assert flags == [Flag.ACK] * MAX_STREAMS + [Flag.RST]
        assert peer.rejections.totals[RejectionReason.YAMUX_STREAMS] == 1


@pytest.mark.trio
async def test_peer_that_asks_and_never_reads_is_cut_off() -> None:
    near, far = trio.testing.memory_stream_pair()
    never = trio.Event()
    send_stream = near.send_stream
    assert isinstance(send_stream, trio.testing.MemorySendStream)
    send_stream.send_all_hook = never.wait
    rejections = Rejections()
    async with trio.open_nursery() as nursery:
        muxer = muxer_over(near, False, rejections)
        nursery.start_soon(muxer.start)
        pings = encode_frame(FrameType.PING, Flag.SYN, 0, 1) * 10_000
        with trio.fail_after(20):
            while not rejections.totals[RejectionReason.YAMUX_PROTOCOL]:
                await far.send_all(pings)
                await trio.testing.wait_all_tasks_blocked()
        never.set()
        await muxer.event_closed.wait()


@pytest.mark.trio
async def test_stream_that_the_peer_never_reads_is_reset(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with raw_peer() as peer:
        await peer.send(FrameType.WINDOW_UPDATE, Flag.SYN, 1, 0)
        stream = await peer.muxer.accept_stream()
        started_s = trio.current_time()
        with pytest.raises(MuxedStreamError):
            await stream.write(bytes(INITIAL_WINDOW_BYTES + 1))
        assert trio.current_time() - started_s >= STALL_TIMEOUT_S
        with pytest.raises(MuxedStreamReset):
            await stream.read()


@pytest.mark.trio
async def test_stream_that_the_peer_never_closes_is_forgotten(
    autojump_clock: trio.testing.MockClock,
) -> None:
    async with raw_peer() as peer:
        await peer.send(FrameType.WINDOW_UPDATE, Flag.SYN, 1, 0)
        stream = await peer.muxer.accept_stream()
        await stream.close()
        await trio.sleep(2 * LINGER_S)
        assert stream.is_closed()
        flags = [(await peer.receive())[0].flags for _ in range(3)]
        assert flags == [Flag.ACK, Flag.FIN, Flag.RST]


@pytest.mark.trio
@pytest.mark.parametrize("seed", range(20))
async def test_junk_never_raises_out_of_the_connection(seed: int) -> None:
    chance = random.Random(seed)
    async with raw_peer() as peer:
        for _ in range(50):
            frame = encode_frame(
                chance.randrange(4),
                chance.randrange(16),
                chance.randrange(9),
                chance.choice([0, 1, 100, 2**31, 2**32 - 1]),
            )
            try:
                await peer.pipe.send_all(frame + chance.randbytes(chance.choice([0, 1, 100])))
            except trio.BrokenResourceError:
                break
        await peer.muxer.close()
        assert peer.muxer.is_closed
