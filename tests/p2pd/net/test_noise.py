"""A secured connection over a real TCP socket whose buffers are small."""

from __future__ import annotations

import random
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.crypto.x25519 import create_new_key_pair as create_noise_key_pair
from libp2p.io.exceptions import ConnectionClosedError
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.peer.id import ID

from p2pd.net.noise import BufferedNoise, BufferedSession

SMALL_BYTES = 4096


def tcp_pair() -> tuple[RawConnection, RawConnection]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        dialled = socket.create_connection(server.getsockname())
        accepted, _ = server.accept()
    for each in (dialled, accepted):
        each.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BYTES)
        each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BYTES)
        each.setblocking(False)
    streams = [
        trio.SocketStream(trio.socket.from_stdlib_socket(each)) for each in (dialled, accepted)
    ]
    return RawConnection(TrioTCPStream(streams[0]), True), RawConnection(
        TrioTCPStream(streams[1]), False
    )


@asynccontextmanager
async def sessions() -> AsyncIterator[tuple[BufferedSession, BufferedSession]]:
    keys = [create_new_key_pair() for _ in range(2)]
    noises = [BufferedNoise(key, create_noise_key_pair().private_key) for key in keys]
    dialled, accepted = tcp_pair()
    secured: dict[str, BufferedSession] = {}

    async def dial() -> None:
        peer_id = ID.from_pubkey(keys[1].public_key)
        session = await noises[0].secure_outbound(dialled, peer_id)
        assert isinstance(session, BufferedSession)
        secured["dialler"] = session

    async def accept() -> None:
        session = await noises[1].secure_inbound(accepted)
        assert isinstance(session, BufferedSession)
        secured["listener"] = session

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dial)
            nursery.start_soon(accept)
        yield secured["dialler"], secured["listener"]
        for session in secured.values():
            await session.close()


@pytest.mark.trio
async def test_what_the_kernel_takes_in_parts_arrives_whole_and_in_order() -> None:
    async with sessions() as (dialler, listener):
        data = random.Random(1).randbytes(300_000)
        first, rest = data[:200_000], data[200_000:]
        assert not dialler.write_now(first)
        assert not dialler.can_write_now
        received = bytearray()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(dialler.write, rest)
            while len(received) < len(data):
                received += await listener.read()
        assert bytes(received) == data
        assert dialler.can_write_now


@pytest.mark.trio
async def test_what_the_kernel_takes_at_once_costs_no_turn_of_the_loop() -> None:
    async with sessions() as (dialler, listener):
        with trio.testing.assert_no_checkpoints():
            assert dialler.write_now(b"now")
            await dialler.write(b" and here")
        received = b""
        while len(received) < len(b"now and here"):
            received += await listener.read()
        assert received == b"now and here"


@pytest.mark.trio
async def test_a_hang_up_ends_reading_and_writing() -> None:
    async with sessions() as (dialler, listener):
        await listener.close()
        with pytest.raises(ConnectionClosedError):
            await dialler.read()
        with pytest.raises(ConnectionClosedError):
            while True:
                await dialler.write(b"x" * SMALL_BYTES)


@pytest.mark.trio
async def test_closing_ones_own_end_ends_a_read_that_waits() -> None:
    async with sessions() as (dialler, _), trio.open_nursery() as nursery:
        nursery.start_soon(_expect_closed, dialler)
        await trio.testing.wait_all_tasks_blocked()
        await dialler.close()


async def _expect_closed(session: BufferedSession) -> None:
    with pytest.raises(ConnectionClosedError):
        await session.read()
