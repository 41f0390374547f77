"""The streams that peers open to us: many RPCs a read, and what each of them may bring.

Owned by ``PubsubService``. Published messages go to the pipeline, subscriptions to
``Memberships``, control messages to the router.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import structlog
import trio
from google.protobuf.message import DecodeError
from libp2p.abc import IHost, INetStream
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.rpc_queue import DefaultMaxMessageSize, DefaultMaxSubscriptionsPerRPC
from libp2p.pubsub.utils import maybe_consume_signed_record

from common.rates import TokenBucket
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.advertised import MAX_RECORD_BYTES
from p2pd.net.pubsub.frames import FrameError, FrameReader, split_rpc
from p2pd.net.pubsub.inbound import InboundPipeline
from p2pd.net.pubsub.memberships import Memberships
from p2pd.net.pubsub.outbound import STREAM_ENDED
from p2pd.net.pubsub.router import GossipRouter
from p2pd.net.pubsub.sender import MessageSender
from p2pd.net.streams.ending import end_stream
from p2pd.net.streams.opened import muxed_stream_of

log = structlog.get_logger(__name__)

READ_BYTES = 64 * 1024
#: Messages handled before the application is asked and other tasks get a turn.
MAX_BATCH = 128
MAX_TOPIC_BYTES = 256
#: An honest peer has one, two while it comes back.
MAX_STREAMS_OF_A_PEER = 8
#: An honest peer forwards none.
MAX_FORGED_IN_STREAM = 100
SUBSCRIPTIONS_PER_S = 50.0
SUBSCRIPTIONS_BURST = 1_000.0


class StreamFaultError(Exception):
    """A peer broke a rule so that its stream cannot go on; ``reason`` counts it."""

    def __init__(self, reason: RejectionReason) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True, eq=False)
class InboundStream:
    """What is known of one stream that a peer opened to us."""

    peer_id: ID
    subscription_rate: TokenBucket = field(
        default_factory=lambda: TokenBucket(SUBSCRIPTIONS_PER_S, SUBSCRIPTIONS_BURST)
    )
    forged_left: int = MAX_FORGED_IN_STREAM
    record: bytes = b""


class InboundStreams:
    """Reads them; whatever one brings ends that stream at most.

    Args:
        greet: Grafts a peer in topics that it has entered, and replays to it.
    """

    def __init__(
        self,
        host: IHost,
        router: GossipRouter,
        pipeline: InboundPipeline,
        sender: MessageSender,
        memberships: Memberships,
        greet: Callable[[ID, Sequence[str]], Awaitable[None]],
        rejections: Rejections,
    ) -> None:
        self._host = host
        self._router = router
        self._pipeline = pipeline
        self._sender = sender
        self._memberships = memberships
        self._greet = greet
        self._rejections = rejections
        self._open: Counter[ID] = Counter()

    def is_open(self, peer_id: ID) -> bool:
        """Return whether a peer has a stream open to us."""
        return peer_id in self._open

    async def serve(self, stream: INetStream) -> None:
        """Read one stream of a peer to its end."""
        inbound = InboundStream(stream.muxed_conn.peer_id)
        peer_id = inbound.peer_id
        self._open[peer_id] += 1
        try:
            if self._open[peer_id] > MAX_STREAMS_OF_A_PEER:
                raise StreamFaultError(RejectionReason.PUBSUB_STREAMS_EXCESS)
            await self._read(stream, inbound)
        except (FrameError, StreamFaultError) as fault:
            self._rejections.count(fault.reason)
        except DecodeError:
            self._rejections.count(RejectionReason.RPC_MALFORMED)
        except STREAM_ENDED:
            pass
        # Boundary: a peer's input must not end the process.
        except Exception:
            self._rejections.count(RejectionReason.PUBSUB_STREAM_FAILED)
            log.exception("pubsub stream failed", peer_id=str(peer_id))
        finally:
            self._open[peer_id] -= 1
            if not self._open[peer_id]:
                del self._open[peer_id]
            self._memberships.end(peer_id, inbound)
            await end_stream(stream.reset)

    async def _read(self, stream: INetStream, inbound: InboundStream) -> None:
        """Read RPCs until the stream ends, many in one read.

        Raises:
            FrameError: What comes is no RPC.
            StreamFaultError: A rule of the stream is broken.
        """
        reader, muxed = FrameReader(DefaultMaxMessageSize), muxed_stream_of(stream)
        while data := await muxed.read(READ_BYTES):
            published: list[bytes] = []
            for frame in reader.feed(data):
                messages, rest = split_rpc(frame)
                published += messages
                if rest:
                    await self._handle_rest(rest, inbound)
            await self._handle_messages(published, inbound)
            await self._sender.wait_for_relays()

    async def _handle_messages(self, published: list[bytes], inbound: InboundStream) -> None:
        for start in range(0, len(published), MAX_BATCH):
            if start:
                await trio.lowlevel.checkpoint()
            batch = published[start : start + MAX_BATCH]
            inbound.forged_left -= await self._pipeline.receive(batch, inbound.peer_id)
        if inbound.forged_left < 0:
            raise StreamFaultError(RejectionReason.STREAM_OF_FORGERIES)

    # Everything else in an RPC

    async def _handle_rest(self, encoded: bytes, inbound: InboundStream) -> None:
        """Handle subscriptions, control and the record of an RPC."""
        rpc = rpc_pb2.RPC()
        rpc.ParseFromString(encoded)
        self._consume_record(rpc, inbound)
        if len(rpc.subscriptions) > DefaultMaxSubscriptionsPerRPC:
            raise StreamFaultError(RejectionReason.SUBSCRIPTIONS_EXCESS)
        if rpc.subscriptions:
            await self._apply_subscriptions(rpc, inbound)
        if rpc.HasField("control"):
            await self._router.handle_rpc(rpc, inbound.peer_id)

    def _consume_record(self, rpc: rpc_pb2.RPC, inbound: InboundStream) -> None:
        """Store where a peer is; stock peers send the same record with every RPC."""
        record = rpc.senderRecord
        if not record or record == inbound.record:
            return
        if len(record) <= MAX_RECORD_BYTES:
            inbound.record = record
            if maybe_consume_signed_record(rpc, self._host, inbound.peer_id):
                return
        self._rejections.count(RejectionReason.PEER_RECORD_REFUSED)

    async def _apply_subscriptions(self, rpc: rpc_pb2.RPC, inbound: InboundStream) -> None:
        """Add a peer to topics or remove it, then greet it in those that it entered."""
        entered: list[str] = []
        try:
            for subscription in rpc.subscriptions:
                if self._apply_subscription(subscription, inbound):
                    entered.append(subscription.topicid)
            await self._greet(inbound.peer_id, entered)
        finally:
            self._memberships.report(inbound.peer_id)

    def _apply_subscription(
        self, subscription: rpc_pb2.RPC.SubOpts, inbound: InboundStream
    ) -> bool:
        """Add a peer to a topic or remove it; return whether it entered."""
        if inbound.subscription_rate.consume(trio.current_time()) > 0.0:
            raise StreamFaultError(RejectionReason.SUBSCRIPTIONS_FLOOD)
        topic = subscription.topicid
        # The protobuf library hands out text that is not UTF-8 as bytes.
        if isinstance(topic, bytes):
            raise StreamFaultError(RejectionReason.RPC_MALFORMED)
        if len(topic.encode()) > MAX_TOPIC_BYTES:
            self._rejections.count(RejectionReason.SUBSCRIPTION_TOPIC_TOO_LONG)
        elif subscription.subscribe:
            return self._memberships.enter(inbound.peer_id, topic, inbound)
        else:
            self._memberships.leave(inbound.peer_id, topic)
        return False
