"""A peer that speaks the protocol of synchronisation as it pleases, on a real stream."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from libp2p.abc import IHost, INetStream
from libp2p.custom_types import TProtocol
from wsp.sync.v1 import sync_pb2

from p2pd.domain.items import END, Item, item_digest
from p2pd.domain.messages import Message
from p2pd.net.addresses import peer_info_from_text
from p2pd.sync.ranges_from_proto import (
    WANTED_DIGEST_BYTES,
    proto_from_items,
    proto_from_ranges,
)
from p2pd.sync.reconciliation import Listed, Range
from p2pd.sync.service import PROTOCOL
from p2pd.sync.session.frames import FrameDecoder, encode_frame
from tests.p2pd.sync.members import ROOM


def opening(*ranges: Range, room: str = ROOM) -> bytes:
    """Open a session with these ranges."""
    opened = sync_pb2.Open(room=room, ranges=proto_from_ranges(ranges))
    return framed(sync_pb2.Frame(open=opened))


def telling(*ranges: Range) -> bytes:
    """Tell ranges."""
    return framed(sync_pb2.Frame(ranges=proto_from_ranges(ranges)))


def asking(*items: Item) -> bytes:
    """Ask for messages."""
    want = sync_pb2.Want(items=proto_from_items(items, WANTED_DIGEST_BYTES))
    return framed(sync_pb2.Frame(want=want))


def giving(*messages: bytes, last: bool = False) -> bytes:
    """Give messages."""
    return framed(sync_pb2.Frame(messages=sync_pb2.Messages(messages=messages, last=last)))


def framed(frame: sync_pb2.Frame) -> bytes:
    """Put the length before a frame."""
    return encode_frame(frame)


async def read_frame(stream: INetStream) -> sync_pb2.Frame:
    """Wait for a frame; nothing may follow it."""
    decoder = FrameDecoder()
    while (frame := decoder.next_frame()) is None:
        read = await stream.read(1 << 16)
        assert read, "the stream ended"
        decoder.feed(read)
    return frame


def item_of(message: Message) -> Item:
    """Return the item that stands for a message."""
    return Item(message.seqno, item_digest(bytes.fromhex(message.message_id)))


@asynccontextmanager
async def stream_to(address: str, stranger: IHost) -> AsyncIterator[INetStream]:
    """Open a stream of the protocol to a node."""
    info = peer_info_from_text(address)
    await stranger.connect(info)
    stream = await stranger.new_stream(info.peer_id, [TProtocol(PROTOCOL)])
    try:
        yield stream
    finally:
        await stream.reset()


async def refusal_of(address: str, stranger: IHost) -> str:
    """Open a session as it should be; return why it is refused, "" where it is not."""
    async with stream_to(address, stranger) as stream:
        await stream.write(opening(Listed(END, ())))
        return (await read_frame(stream)).done.reason
