"""Correction 7: what a small message costs on the wire."""

from __future__ import annotations

from typing import Any

from tests.upstream.defect import defect
from tests.upstream.stacks import Stack
from tests.upstream.strangers import two_in_a_room, wait_delivered

MESSAGES = 20
DATA = b"x" * 80
#: Author, sequence number, topic and signature are 150 bytes beside the data.
MAX_BYTES_A_MESSAGE = 300


def _count_writes(stream: Any) -> list[int]:
    """Note the size of every write to a stream."""
    sizes: list[int] = []
    stream = stream.muxed_stream
    write = stream.write

    async def counted(data: bytes) -> None:
        sizes.append(len(data))
        await write(data)

    stream.write = counted
    if (write_now := getattr(stream, "write_now", None)) is not None:

        def counted_now(data: bytes) -> None:
            sizes.append(len(data))
            write_now(data)

        stream.write_now = counted_now
    return sizes


def _count_reads(stream: Any) -> list[int]:
    """Note the size of every read from a stream."""
    sizes: list[int] = []
    stream = stream.muxed_stream
    read = stream.read

    async def counted(n: int | None = None) -> bytes:
        data: bytes = await read(n)
        sizes.append(len(data))
        return data

    stream.read = counted
    return sizes


@defect(7, "IDONTWANT and a signed record with every message")
async def test_a_small_message_is_one_small_write(stack: Stack) -> None:
    async with two_in_a_room(stack) as (author, listener):
        sizes = _count_writes(author.pubsub.peers[listener.host.get_id()])
        for number in range(MESSAGES):
            await wait_delivered(author, listener, DATA + b"%d" % number)
        heartbeats = 3
        assert MESSAGES <= len(sizes) <= MESSAGES + heartbeats, sizes
        assert sum(sizes) <= MESSAGES * MAX_BYTES_A_MESSAGE, sizes


@defect(7, "the length of an RPC is read byte by byte")
async def test_a_small_message_is_read_at_once(stack: Stack) -> None:
    reads: list[list[int]] = []
    async with stack.node() as listener, stack.node() as author:
        handler = listener.pubsub.stream_handler

        async def counting_handler(stream: Any) -> None:
            reads.append(_count_reads(stream))
            await handler(stream)

        for protocol in listener.pubsub.protocols:
            listener.host.set_stream_handler(protocol, counting_handler)
        await _exchange(author, listener)
        heartbeats_and_hello = 5
        most = max(len(sizes) for sizes in reads)
        assert MESSAGES <= most <= MESSAGES + heartbeats_and_hello, reads


async def _exchange(author: Any, listener: Any) -> None:
    """Let ``author`` say ``MESSAGES`` things, one after the other."""
    from tests.upstream.stacks import connect
    from tests.upstream.strangers import ROOM, wait_acquainted

    await author.join(ROOM)
    await listener.join(ROOM)
    await connect(author.host, listener.host)
    await wait_acquainted(author, listener)
    for number in range(MESSAGES):
        await wait_delivered(author, listener, DATA + b"%d" % number)
