"""The pubsub service: what peers send, and who is in which topic.

Made by ``open_gossip``, which is told of messages and of comings and goings.
The library's ``Pubsub`` with the outbound streams of ``outbound``, the messages
of ``relay`` and this, the inbound streams: many RPCs a read.

A peer's subscriptions are what it told on those of its streams that are open:
what a stream told is forgotten with it, and only then.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import structlog
import trio
from google.protobuf.message import DecodeError
from libp2p.abc import IHost, INetStream
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.rpc_queue import DefaultMaxMessageSize
from libp2p.pubsub.utils import maybe_consume_signed_record

from common.rates import TokenBucket
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.advertised import MAX_RECORD_BYTES
from p2pd.net.pubsub.author_rates import AuthorRates
from p2pd.net.pubsub.frames import FrameError, FrameReader, split_rpc
from p2pd.net.pubsub.outbound import STREAM_ENDED, PubsubObserver
from p2pd.net.pubsub.peer_topics import MAX_TOPICS, PeerTopics
from p2pd.net.pubsub.relay import RelayPubsub
from p2pd.net.pubsub.router import GossipRouter

log = structlog.get_logger(__name__)

READ_BYTES = 64 * 1024
#: Messages handled before the application is told and other tasks get a turn.
MAX_BATCH = 128
MAX_TOPIC_BYTES = 256
#: An honest peer has one, two while it comes back.
MAX_STREAMS_OF_A_PEER = 8
#: An honest peer forwards none.
MAX_FORGED_IN_STREAM = 100
SUBSCRIPTIONS_PER_S = 50.0
SUBSCRIPTIONS_BURST = 1_000.0
CLOSE_TIMEOUT_S = 1.0


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


class PubsubService(RelayPubsub):
    """The whole service."""

    def __init__(
        self,
        host: IHost,
        router: GossipRouter,
        observer: PubsubObserver,
        rejections: Rejections,
        author_rates: AuthorRates,
        queue_max_bytes: int,
    ) -> None:
        super().__init__(host, router, observer, rejections, author_rates, queue_max_bytes)
        self._inbound: dict[ID, set[InboundStream]] = {}
        self._topics: dict[ID, PeerTopics] = {}
        self.max_subscriptions_per_peer = MAX_TOPICS

    # Streams

    async def stream_handler(self, stream: INetStream) -> None:
        """Read one stream of a peer; whatever it brings ends the stream at most."""
        inbound = InboundStream(stream.muxed_conn.peer_id)
        self._inbound.setdefault(inbound.peer_id, set()).add(inbound)
        self._topics.setdefault(inbound.peer_id, PeerTopics())
        try:
            if len(self._inbound[inbound.peer_id]) > MAX_STREAMS_OF_A_PEER:
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
            log.exception("pubsub stream failed", peer_id=str(inbound.peer_id))
        finally:
            self._end(inbound)
            with trio.move_on_after(CLOSE_TIMEOUT_S) as scope:
                scope.shield = True
                await stream.reset()

    def is_heard(self, peer_id: ID) -> bool:
        """Return whether a peer has a stream open on which it sends."""
        return peer_id in self._inbound

    def _end(self, inbound: InboundStream) -> None:
        """Drop what was announced on this stream alone."""
        peer_id = inbound.peer_id
        streams = self._inbound[peer_id]
        streams.discard(inbound)
        for topic in self._topics[peer_id].end(inbound):
            self._leave_topic(peer_id, topic)
        if not streams:
            del self._inbound[peer_id], self._topics[peer_id]
        self._tell_membership(peer_id)

    async def _read(self, stream: INetStream, inbound: InboundStream) -> None:
        """Read RPCs until the stream ends, many in one read.

        Raises:
            FrameError: What comes is no RPC.
            StreamFaultError: A rule of the stream is broken.
        """
        reader = FrameReader(DefaultMaxMessageSize)
        while data := await stream.read(READ_BYTES):
            published: list[bytes] = []
            for frame in reader.feed(data):
                messages, rest = split_rpc(frame)
                published += messages
                if rest:
                    await self._take_rest(rest, inbound)
            for start in range(0, len(published), MAX_BATCH):
                if start:
                    await trio.lowlevel.checkpoint()
                batch = published[start : start + MAX_BATCH]
                forged = await self._inbound_messages.receive(batch, inbound.peer_id)
                inbound.forged_left -= forged
            if inbound.forged_left < 0:
                raise StreamFaultError(RejectionReason.STREAM_OF_FORGERIES)
            await self._wait_for_relays()

    # Everything else in an RPC

    async def _take_rest(self, encoded: bytes, inbound: InboundStream) -> None:
        """Take subscriptions, control and the record of an RPC."""
        rpc = rpc_pb2.RPC()
        rpc.ParseFromString(encoded)
        self._take_record(rpc, inbound)
        if len(rpc.subscriptions) > self.max_subscriptions_per_rpc:
            raise StreamFaultError(RejectionReason.SUBSCRIPTIONS_EXCESS)
        for subscription in rpc.subscriptions:
            self._take_subscription(subscription, inbound)
        if rpc.subscriptions:
            self._tell_membership(inbound.peer_id)
        if rpc.HasField("control"):
            await self.router.handle_rpc(rpc, inbound.peer_id)

    def _take_record(self, rpc: rpc_pb2.RPC, inbound: InboundStream) -> None:
        """Store where a peer is; stock peers send the same record with every RPC."""
        if not rpc.senderRecord or rpc.senderRecord == inbound.record:
            return
        if len(rpc.senderRecord) > MAX_RECORD_BYTES:
            self._rejections.count(RejectionReason.PEER_RECORD_REFUSED)
            return
        inbound.record = rpc.senderRecord
        if not maybe_consume_signed_record(rpc, self.host, inbound.peer_id):
            self._rejections.count(RejectionReason.PEER_RECORD_REFUSED)

    def _take_subscription(self, subscription: rpc_pb2.RPC.SubOpts, inbound: InboundStream) -> None:
        """Note that a peer enters or leaves a topic."""
        if inbound.subscription_rate.consume(trio.current_time()) > 0.0:
            raise StreamFaultError(RejectionReason.SUBSCRIPTIONS_FLOOD)
        topic = subscription.topicid
        # The protobuf library hands out text that is not UTF-8 as bytes.
        if isinstance(topic, bytes):
            raise StreamFaultError(RejectionReason.RPC_MALFORMED)
        if len(topic.encode()) > MAX_TOPIC_BYTES:
            self._rejections.count(RejectionReason.SUBSCRIPTION_TOPIC_TOO_LONG)
        elif subscription.subscribe:
            self._enter_topic(inbound, subscription)
        else:
            self._topics[inbound.peer_id].leave(topic)
            self._leave_topic(inbound.peer_id, topic)

    def _enter_topic(self, inbound: InboundStream, subscription: rpc_pb2.RPC.SubOpts) -> None:
        """Add a peer to a topic, within the bounds of all its topics."""
        if self._topics[inbound.peer_id].enter(subscription.topicid, inbound):
            self.handle_subscription(inbound.peer_id, subscription)
        else:
            self._rejections.count(RejectionReason.SUBSCRIPTION_TOPICS_EXCESS)

    def _leave_topic(self, peer_id: ID, topic: str) -> None:
        """Forget that a peer is in a topic, and drop it from the mesh."""
        self.router.mesh.get(topic, set()).discard(peer_id)
        self._forget_subscription(peer_id, topic)

    def _forget_all_subscriptions(self, peer_id: ID) -> None:
        """Forget a peer that is gone."""
        if peer_id in self._topics:
            self._topics[peer_id].clear()
        super()._forget_all_subscriptions(peer_id)
        self._tell_membership(peer_id)
