"""Direct messages of others: streams of both protocols, served.

Opened by ``service``. A peer has few streams, one request at a time on each, and a
deadline for every step; what it sends is admitted before it is verified.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio
from google.protobuf.message import DecodeError
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.network.stream.exceptions import StreamError
from wsp.direct.v1 import direct_pb2

from p2pd.domain.directs import DirectReceiver, DirectVerdict
from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId
from p2pd.domain.rejections import MessageRefusedError, RejectionReason, Rejections
from p2pd.net.direct.field import message_from_request, response_from_verdict
from p2pd.net.direct.frames import (
    FIELD_FRAME_BYTES,
    FIELD_PROTOCOL,
    MAX_RECORDS,
    PROTOCOL,
    REQUEST_BYTES,
)
from p2pd.net.direct.records import message_from_record
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.streams.ending import end_stream
from p2pd.net.streams.framed import FrameTooLongError, read_frame, write_frame
from p2pd.net.streams.shares import StreamShares

MAX_STREAMS = 512
MAX_STREAMS_PER_PEER = 2
MAX_FIELD_STREAMS = 128
MAX_FIELD_STREAMS_PER_PEER = 8
IDLE_TIMEOUT_S = 120.0
STEP_TIMEOUT_S = 5.0

_STATUSES = {
    DirectVerdict.STORED: direct_pb2.DELIVER_STATUS_OK,
    DirectVerdict.BUSY: direct_pb2.DELIVER_STATUS_BUSY,
    DirectVerdict.DECLINED: direct_pb2.DELIVER_STATUS_DECLINED,
    DirectVerdict.INVALID: direct_pb2.DELIVER_STATUS_INVALID,
}
_Read = Message | DirectVerdict
"""A message of a peer, or why it is none."""


class DirectServing:
    """Answer what peers send to this node alone.

    Args:
        agent: What answers of the field's protocol name as the client.
    """

    def __init__(
        self,
        host: NodeHost,
        receiver: DirectReceiver,
        rejections: Rejections,
        agent: str,
        clock_ns: Callable[[], int],
    ) -> None:
        self._host = host
        self._own_id = PeerId(str(host.get_id()))
        self._receiver = receiver
        self._rejections = rejections
        self._agent = agent
        self._clock_ns = clock_ns
        self._shares = StreamShares(MAX_STREAMS, MAX_STREAMS_PER_PEER)
        self._field_shares = StreamShares(MAX_FIELD_STREAMS, MAX_FIELD_STREAMS_PER_PEER)

    def start(self) -> None:
        """Serve both protocols from now on."""
        self._host.set_stream_handler(TProtocol(PROTOCOL), self._serve)
        self._host.set_stream_handler(TProtocol(FIELD_PROTOCOL), self._serve_field)

    def stop(self) -> None:
        """Serve no new stream."""
        self._host.remove_stream_handler(TProtocol(PROTOCOL))
        self._host.remove_stream_handler(TProtocol(FIELD_PROTOCOL))

    async def _serve(self, stream: INetStream) -> None:
        with self._shares.share(stream.muxed_conn.peer_id) as is_free:
            if not is_free:
                self._rejections.count(RejectionReason.DIRECT_STREAMS_OVER_LIMIT)
                await end_stream(stream.reset)
                return
            try:
                while True:
                    await self._answer_next(stream)
            except (StreamError, trio.TooSlowError):
                pass  # the peer has ended, or writes nothing more
            except (FrameTooLongError, DecodeError, ValueError):
                self._rejections.count(RejectionReason.DIRECT_MALFORMED)
            finally:
                await end_stream(stream.reset)

    async def _answer_next(self, stream: INetStream) -> None:
        with trio.fail_after(IDLE_TIMEOUT_S):
            frame = await read_frame(stream, REQUEST_BYTES)
        records = direct_pb2.DeliverRequest.FromString(frame).records
        if not 1 <= len(records) <= MAX_RECORDS:
            raise DecodeError("too many records, or none")
        peer_id = PeerId(str(stream.muxed_conn.peer_id))
        verdicts = await self._receive(
            peer_id, len(records), lambda: [self._message(peer_id, one) for one in records]
        )
        statuses = [_STATUSES[verdict] for verdict in verdicts]
        with trio.fail_after(STEP_TIMEOUT_S):
            await write_frame(stream, direct_pb2.DeliverResponse(statuses=statuses))

    async def _serve_field(self, stream: INetStream) -> None:
        with self._field_shares.share(stream.muxed_conn.peer_id) as is_free:
            if not is_free:
                self._rejections.count(RejectionReason.DIRECT_STREAMS_OVER_LIMIT)
                await end_stream(stream.reset)
                return
            try:
                with trio.fail_after(STEP_TIMEOUT_S):
                    frame = await read_frame(stream, FIELD_FRAME_BYTES)
                peer_id = PeerId(str(stream.muxed_conn.peer_id))
                (verdict,) = await self._receive(
                    peer_id, 1, lambda: [self._field_message(peer_id, frame)]
                )
                answer = response_from_verdict(verdict, self._agent, self._clock_ns())
                with trio.fail_after(STEP_TIMEOUT_S):
                    await write_frame(stream, answer)
            except (StreamError, trio.TooSlowError, FrameTooLongError):
                self._rejections.count(RejectionReason.DIRECT_MALFORMED)
                await end_stream(stream.reset)
            else:
                await end_stream(stream.close)

    async def _receive(
        self, peer_id: PeerId, count: int, read: Callable[[], Sequence[_Read]]
    ) -> Sequence[DirectVerdict]:
        """Admit, verify and store; every message gets a verdict."""
        if not self._receiver.admit(peer_id, count):
            return [DirectVerdict.BUSY] * count
        found = read()
        messages = [one for one in found if isinstance(one, Message)]
        stored = iter(await self._receiver.receive_direct(peer_id, messages) if messages else ())
        return [one if isinstance(one, DirectVerdict) else next(stored) for one in found]

    def _verified(self, read: Callable[[], Message]) -> _Read:
        """Read a message; one that is refused is counted."""
        try:
            return read()
        except MessageRefusedError as error:
            self._rejections.count(error.reason)
            return DirectVerdict.INVALID

    def _message(self, peer_id: PeerId, record: bytes) -> _Read:
        now_ns = self._clock_ns()
        return self._verified(lambda: message_from_record(record, self._own_id, peer_id, now_ns))

    def _field_message(self, peer_id: PeerId, request: bytes) -> _Read:
        return self._verified(lambda: message_from_request(request, peer_id, self._clock_ns()))
