"""Our own direct messages on their way to their recipients.

Opened by ``service``; ``p2pd.chat`` says what to deliver, one delivery to a peer at a time.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Never, Protocol

import structlog
import trio
from google.protobuf.message import DecodeError
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from wsp.direct.v1 import direct_pb2

from p2pd.domain.directs import DirectVerdict
from p2pd.domain.names import PeerId
from p2pd.net.direct.field import request_from_message, verdict_from_response
from p2pd.net.direct.frames import (
    FIELD_FRAME_BYTES,
    FIELD_PROTOCOL,
    MAX_RECORDS,
    MAX_REQUEST_BYTES,
    PROTOCOL,
    RESPONSE_BYTES,
)
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.streams.ending import end_stream
from p2pd.net.streams.framed import read_frame, write_frame

OPEN_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 15.0
"""For a peer whose disk is slow; what is not answered is delivered again."""
FIELD_STEP_TIMEOUT_S = 5.0
MAX_STREAMS = 256
IDLE_S = 60.0
SWEEP_INTERVAL_S = 15.0

_VERDICTS = {
    direct_pb2.DELIVER_STATUS_OK: DirectVerdict.STORED,
    direct_pb2.DELIVER_STATUS_DECLINED: DirectVerdict.DECLINED,
    direct_pb2.DELIVER_STATUS_INVALID: DirectVerdict.INVALID,
}

log = structlog.get_logger(__name__)


class Outgoing(Protocol):
    """One of our own direct messages."""

    @property
    def data(self) -> bytes:
        """What was written."""

    @property
    def seqno(self) -> int:
        """Its sequence number."""

    @property
    def signed_bytes(self) -> bytes:
        """Its record."""


@dataclass(slots=True)
class _OpenStream:
    stream: INetStream
    used_s: float


class DirectDelivery:
    """Deliver to connected peers; a stream of our own protocol stays open for the next.

    Args:
        agent: What requests of the field's protocol name as the client.
    """

    def __init__(self, host: NodeHost, agent: str) -> None:
        self._host = host
        self._agent = agent
        self._streams: OrderedDict[PeerId, _OpenStream] = OrderedDict()

    async def deliver(
        self, peer_id: PeerId, messages: Sequence[Outgoing]
    ) -> Sequence[DirectVerdict]:
        """Deliver messages to a peer, in order.

        Returns:
            A verdict for each of the first of them, one at least; the others are still
            to be delivered.

        Raises:
            ConnectionError: The peer cannot be reached, or did not answer in time.
        """
        reused = self._streams.pop(peer_id, None)
        if reused is not None:
            try:
                return await self._deliver_on(peer_id, reused.stream, messages)
            except ConnectionError:
                pass  # it may have ended long ago
        stream = await self._open(peer_id)
        if stream.get_protocol() == PROTOCOL:
            return await self._deliver_on(peer_id, stream, messages)
        return [await self._deliver_to_field(stream, messages[0])]

    async def run(self) -> Never:
        """Close streams that nothing was written to for a minute; ends by cancellation."""
        while True:
            await trio.sleep(SWEEP_INTERVAL_S)
            oldest_s = trio.current_time() - IDLE_S
            while self._streams and next(iter(self._streams.values())).used_s < oldest_s:
                await self._close_oldest()

    async def _open(self, peer_id: PeerId) -> INetStream:
        protocols = [TProtocol(PROTOCOL), TProtocol(FIELD_PROTOCOL)]
        try:
            with trio.fail_after(OPEN_TIMEOUT_S):
                return await self._host.new_stream(ID.from_base58(peer_id), protocols)
        # Boundary: the library has many ways to say that a peer is gone.
        except Exception as error:
            raise ConnectionError(repr(error)) from error

    async def _deliver_on(
        self, peer_id: PeerId, stream: INetStream, messages: Sequence[Outgoing]
    ) -> Sequence[DirectVerdict]:
        records = _fitting([one.signed_bytes for one in messages])
        async with _exchange_on(stream):
            with trio.fail_after(ANSWER_TIMEOUT_S):
                await write_frame(stream, direct_pb2.DeliverRequest(records=records))
                answer = await read_frame(stream, RESPONSE_BYTES)
            statuses = direct_pb2.DeliverResponse.FromString(answer).statuses
            if len(statuses) != len(records):
                raise DecodeError("not a status a record")
        await self._retain(peer_id, stream)
        return [_VERDICTS.get(status, DirectVerdict.BUSY) for status in statuses]

    async def _deliver_to_field(self, stream: INetStream, message: Outgoing) -> DirectVerdict:
        request = request_from_message(message.data, message.seqno, self._agent)
        async with _exchange_on(stream):
            with trio.fail_after(FIELD_STEP_TIMEOUT_S):
                await write_frame(stream, request)
            with trio.fail_after(FIELD_STEP_TIMEOUT_S):
                answer = await read_frame(stream, FIELD_FRAME_BYTES)
        await end_stream(stream.close)
        return verdict_from_response(answer)

    async def _retain(self, peer_id: PeerId, stream: INetStream) -> None:
        """Have the stream ready for the next delivery; the one unused longest makes room."""
        self._streams[peer_id] = _OpenStream(stream, trio.current_time())
        while len(self._streams) > MAX_STREAMS:
            await self._close_oldest()

    async def _close_oldest(self) -> None:
        _, oldest = self._streams.popitem(last=False)
        await end_stream(oldest.stream.reset)


@asynccontextmanager
async def _exchange_on(stream: INetStream) -> AsyncIterator[None]:
    """Reset the stream where an exchange on it fails; that is a ConnectionError."""
    try:
        yield
    # Boundary: whatever a peer answers, the messages wait for the next attempt.
    except Exception as error:
        await end_stream(stream.reset)
        raise ConnectionError(repr(error)) from error
    except BaseException:
        await end_stream(stream.reset)
        raise


def _fitting(records: Sequence[bytes]) -> list[bytes]:
    """Return the first records, as many as one request holds, one at least."""
    size_bytes = 0
    for count, record in enumerate(records):
        size_bytes += len(record)
        if count and (size_bytes > MAX_REQUEST_BYTES or count == MAX_RECORDS):
            return list(records[:count])
    return list(records)
