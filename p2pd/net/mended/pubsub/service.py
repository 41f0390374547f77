"""The pubsub service: what peers send, and who is in which topic.

Made by ``open_gossip``, which is told of messages and of comings and goings.
The library's ``Pubsub`` with the outbound half of ``outbound`` and this, the
inbound half: many RPCs a read, each message taken once, relayed as it came.

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

from p2pd.domain.limits import TokenBucket
from p2pd.domain.rejections import Rejections
from p2pd.net.mended.pubsub.author_rates import AuthorRates
from p2pd.net.mended.pubsub.frames import FrameError, FrameReader, frame_from_message, split_rpc
from p2pd.net.mended.pubsub.intake import MessageIntake
from p2pd.net.mended.pubsub.messages import MessageRefusedError, WireMessage
from p2pd.net.mended.pubsub.outbound import STREAM_ENDED, OutboundPubsub, PubsubObserver
from p2pd.net.mended.pubsub.router import DONT_WANT_MIN_BYTES, MendedGossipSub
from p2pd.net.mended.pubsub.seen import SeenIds

log = structlog.get_logger(__name__)

READ_BYTES = 64 * 1024
#: Messages handled before the application is told and other tasks get a turn.
MAX_BATCH = 128
MAX_TOPIC_BYTES = 256
#: An honest peer has one, two while it comes back.
MAX_STREAMS_OF_A_PEER = 8
#: An honest peer forwards none.
MAX_FORGED_IN_STREAM = 100
SEEN_TTL_S = 120.0
MAX_SEEN_IDS = 500_000
#: Messages of our own after which other tasks get a turn.
SENDS_A_TURN = 32
#: How long a stream is not read while a peer in the mesh takes nothing.
RELAY_WAIT_S = 3.0
SUBSCRIPTIONS_PER_S = 50.0
SUBSCRIPTIONS_BURST = 1_000.0
CLOSE_TIMEOUT_S = 1.0


class StreamFaultError(Exception):
    """A peer broke a rule so that its stream cannot go on; ``reason`` counts it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(slots=True, eq=False)
class InboundStream:
    """What is known of one stream that a peer opened to us."""

    peer_id: ID
    topics: set[str] = field(default_factory=set)
    subscription_rate: TokenBucket = field(
        default_factory=lambda: TokenBucket(SUBSCRIPTIONS_PER_S, SUBSCRIPTIONS_BURST)
    )
    forged_left: int = MAX_FORGED_IN_STREAM
    record: bytes = b""


class MendedPubsub(OutboundPubsub):
    """The whole service."""

    seen_messages: SeenIds

    def __init__(
        self,
        host: IHost,
        router: MendedGossipSub,
        observer: PubsubObserver,
        rejections: Rejections,
        author_rates: AuthorRates,
        queue_max_bytes: int,
    ) -> None:
        super().__init__(host, router, observer, rejections, queue_max_bytes)
        self.seen_messages.stop()
        self.seen_messages = SeenIds(SEEN_TTL_S, MAX_SEEN_IDS)
        own_author = self.my_id.to_bytes()
        self._intake = MessageIntake(own_author, self.topic_ids, self.seen_messages, author_rates)
        self._inbound: dict[ID, set[InboundStream]] = {}
        self._sent = 0

    # Streams

    async def stream_handler(self, stream: INetStream) -> None:
        """Read one stream of a peer; whatever it brings ends the stream at most."""
        inbound = InboundStream(stream.muxed_conn.peer_id)
        self._inbound.setdefault(inbound.peer_id, set()).add(inbound)
        try:
            if len(self._inbound[inbound.peer_id]) > MAX_STREAMS_OF_A_PEER:
                raise StreamFaultError("pubsub_streams_excess")
            await self._read(stream, inbound)
        except (FrameError, StreamFaultError) as fault:
            self._rejections.count(fault.reason)
        except DecodeError:
            self._rejections.count("rpc_malformed")
        except STREAM_ENDED:
            pass
        # Boundary: a peer's input must not end the process.
        except Exception:
            self._rejections.count("pubsub_stream_failed")
            log.exception("pubsub stream failed", peer_id=str(inbound.peer_id))
        finally:
            self._end(inbound)
            with trio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                await stream.reset()

    def _end(self, inbound: InboundStream) -> None:
        """Forget what was told on this stream alone."""
        others = self._inbound[inbound.peer_id]
        others.discard(inbound)
        if not others:
            del self._inbound[inbound.peer_id]
        for topic in inbound.topics.difference(*(other.topics for other in others)):
            self._leave_topic(inbound.peer_id, topic)
        self._tell_membership(inbound.peer_id)

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
                self._take_messages(published[start : start + MAX_BATCH], inbound)
            await self._wait_for_relays()

    # Messages

    def _take_messages(self, published: list[bytes], inbound: InboundStream) -> None:
        """Take, relay and tell a batch of messages."""
        taken: list[WireMessage] = []
        for signed_bytes in published:
            try:
                message = self._intake.take(signed_bytes)
            except MessageRefusedError as refusal:
                self._rejections.count(refusal.reason)
                inbound.forged_left -= refusal.is_forgery
                continue
            if message is not None:
                taken.append(message)
                self._relay(message, inbound.peer_id)
        if taken:
            self._tell(taken, inbound.peer_id)
        if inbound.forged_left < 0:
            raise StreamFaultError("stream_of_forgeries")

    def _tell(self, messages: list[WireMessage], forwarder: ID) -> None:
        """Tell the application; its failure is not the fault of the stream."""
        try:
            self._observer.wire_messages_received(messages, forwarder)
        # Boundary: the network goes on when the application cannot take a batch.
        except Exception:
            log.exception("application took no messages", messages=len(messages))

    def _relay(self, message: WireMessage, forwarder: ID) -> None:
        """Keep a message for those who ask, and queue it for the mesh."""
        frame = frame_from_message(message.signed_bytes)
        self.router.mcache.put(message.wire_id, message.topic, frame)
        if len(message.data) >= DONT_WANT_MIN_BYTES:
            self.router.tell_dont_want(message.topic, message.wire_id, forwarder)
        for peer_id in self.router.relays(
            message.topic, message.wire_id, forwarder, message.author
        ):
            if not self.peer_queues[peer_id].push(frame):
                self._rejections.count("relay_queue_full")

    async def _wait_for_relays(self) -> None:
        """Read no faster than the mesh takes it."""
        for queue in list(self.peer_queues.values()):
            await queue.wait_for_room(RELAY_WAIT_S)

    async def send(self, message: WireMessage, wait_s: float) -> int:
        """Queue one of our own messages for every peer in its topic.

        Args:
            wait_s: How long to wait for room in the queue of a peer that keeps up.

        Returns:
            To how many peers it was handed.
        """
        frame = frame_from_message(message.signed_bytes)
        self.seen_messages.add(message.wire_id)
        self.router.mcache.put(message.wire_id, message.topic, frame)
        handed = 0
        for peer_id in self.router.receivers(message.topic):
            queue = self.peer_queues.get(peer_id)
            if queue is None:
                continue
            await queue.wait_for_room(wait_s)
            if queue.push(frame):
                handed += 1
            else:
                self._rejections.count("send_queue_full")
        self._sent += 1
        if self._sent % SENDS_A_TURN == 0:
            await trio.lowlevel.checkpoint()
        return handed

    # Everything else in an RPC

    async def _take_rest(self, encoded: bytes, inbound: InboundStream) -> None:
        """Take subscriptions, control and the record of an RPC."""
        rpc = rpc_pb2.RPC()
        rpc.ParseFromString(encoded)
        self._take_record(rpc, inbound)
        if len(rpc.subscriptions) > self.max_subscriptions_per_rpc:
            raise StreamFaultError("subscriptions_excess")
        for subscription in rpc.subscriptions:
            self._take_subscription(subscription, inbound)
        if rpc.subscriptions:
            self._tell_membership(inbound.peer_id)
        if rpc.HasField("control"):
            await self.router.handle_rpc(rpc, inbound.peer_id)

    def _take_record(self, rpc: rpc_pb2.RPC, inbound: InboundStream) -> None:
        """Keep where a peer is; stock peers tell the same with every RPC."""
        if not rpc.senderRecord or rpc.senderRecord == inbound.record:
            return
        inbound.record = rpc.senderRecord
        if not maybe_consume_signed_record(rpc, self.host, inbound.peer_id):
            self._rejections.count("peer_record_refused")

    def _take_subscription(self, subscription: rpc_pb2.RPC.SubOpts, inbound: InboundStream) -> None:
        """Note that a peer enters or leaves a topic."""
        if inbound.subscription_rate.take(trio.current_time()) > 0.0:
            raise StreamFaultError("subscriptions_flood")
        topic = subscription.topicid
        # The protobuf library hands out text that is not UTF-8 as bytes.
        if isinstance(topic, bytes):
            raise StreamFaultError("rpc_malformed")
        if len(topic.encode()) > MAX_TOPIC_BYTES:
            self._rejections.count("subscription_topic_too_long")
        elif subscription.subscribe:
            self.handle_subscription(inbound.peer_id, subscription)
            if inbound.peer_id in self.peer_topics.get(topic, ()):
                inbound.topics.add(topic)
        else:
            for other in self._inbound[inbound.peer_id]:
                other.topics.discard(topic)
            self._leave_topic(inbound.peer_id, topic)

    def _leave_topic(self, peer_id: ID, topic: str) -> None:
        """Forget that a peer is in a topic, and drop it from the mesh."""
        self.router.mesh.get(topic, set()).discard(peer_id)
        self._forget_subscription(peer_id, topic)

    def _forget_all_subscriptions(self, peer_id: ID) -> None:
        """Forget a peer that is gone."""
        for inbound in self._inbound.get(peer_id, ()):
            inbound.topics.clear()
        super()._forget_all_subscriptions(peer_id)
        self._tell_membership(peer_id)
