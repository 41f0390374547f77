"""The pubsub service: what peers send, and who is in which topic.

Made by ``open_gossip``, which is told of messages and of comings and goings.
The library's ``Pubsub`` with the outbound half of ``outbound`` and this, the
inbound half: many RPCs a read, each message taken once, relayed as it came.

A peer's subscriptions are those its newest inbound stream told.
"""

from __future__ import annotations

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
#: An honest peer forwards none.
MAX_FORGED_IN_STREAM = 100
SEEN_TTL_S = 120.0
MAX_SEEN_IDS = 500_000
#: Messages of our own after which other tasks get a turn.
SENDS_A_TURN = 32
#: How long a stream is not read while a peer in the mesh takes nothing.
RELAY_WAIT_S = 1.0
SUBSCRIPTIONS_PER_S = 50.0
SUBSCRIPTIONS_BURST = 1_000.0
CLOSE_TIMEOUT_S = 1.0


class StreamFaultError(Exception):
    """A peer broke a rule so that its stream cannot go on; ``reason`` counts it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


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
        self._inbound: dict[ID, INetStream] = {}
        self._subscription_rates: dict[ID, TokenBucket] = {}
        self._records: dict[ID, bytes] = {}
        self._sent = 0

    # Streams

    async def stream_handler(self, stream: INetStream) -> None:
        """Read one stream of a peer; whatever it brings ends the stream at most."""
        peer_id = stream.muxed_conn.peer_id
        self._begin_inbound(peer_id, stream)
        try:
            await self.continuously_read_stream(stream)
        except (FrameError, StreamFaultError) as fault:
            self._rejections.count(fault.reason)
        except DecodeError:
            self._rejections.count("rpc_malformed")
        except STREAM_ENDED:
            pass
        # Boundary: a peer's input must not end the process.
        except Exception:
            self._rejections.count("pubsub_stream_failed")
            log.exception("pubsub stream failed", peer_id=str(peer_id))
        finally:
            self._end_inbound(peer_id, stream)
            with trio.move_on_after(CLOSE_TIMEOUT_S, shield=True):
                await stream.reset()

    def _begin_inbound(self, peer_id: ID, stream: INetStream) -> None:
        """Make this the peer's stream; it tells its subscriptions afresh."""
        self._forget_all_subscriptions(peer_id)
        self._inbound[peer_id] = stream
        self._subscription_rates[peer_id] = TokenBucket(SUBSCRIPTIONS_PER_S, SUBSCRIPTIONS_BURST)

    def _end_inbound(self, peer_id: ID, stream: INetStream) -> None:
        """Forget what the peer told on its newest stream; the next tells it afresh."""
        if self._inbound.get(peer_id) is not stream:
            return
        del self._inbound[peer_id]
        del self._subscription_rates[peer_id]
        self._records.pop(peer_id, None)
        self._forget_all_subscriptions(peer_id)

    async def continuously_read_stream(self, stream: INetStream) -> None:
        """Read RPCs until the stream ends.

        Raises:
            FrameError: What comes is no RPC.
            StreamFaultError: A rule of the stream is broken.
        """
        peer_id = stream.muxed_conn.peer_id
        reader = FrameReader(DefaultMaxMessageSize)
        forged_left = MAX_FORGED_IN_STREAM
        while data := await stream.read(READ_BYTES):
            published: list[bytes] = []
            for frame in reader.feed(data):
                messages, rest = split_rpc(frame)
                published += messages
                if rest:
                    await self._take_rest(rest, peer_id)
            for start in range(0, len(published), MAX_BATCH):
                forged_left -= self._take_messages(published[start : start + MAX_BATCH], peer_id)
                await trio.lowlevel.checkpoint()
            if forged_left < 0:
                raise StreamFaultError("stream_of_forgeries")
            await self._wait_for_relays()

    # Messages

    def _take_messages(self, published: list[bytes], forwarder: ID) -> int:
        """Take, relay and tell a batch of messages; return how many were forged."""
        taken: list[WireMessage] = []
        forged = 0
        for signed_bytes in published:
            try:
                message = self._intake.take(signed_bytes)
            except MessageRefusedError as refusal:
                self._rejections.count(refusal.reason)
                forged += refusal.is_forgery
                continue
            if message is not None:
                taken.append(message)
                self._relay(message, forwarder)
        if taken:
            self._tell(taken, forwarder)
        return forged

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

    async def _take_rest(self, encoded: bytes, peer_id: ID) -> None:
        """Take subscriptions, control and the record of an RPC."""
        rpc = rpc_pb2.RPC()
        rpc.ParseFromString(encoded)
        self._take_record(rpc, peer_id)
        if len(rpc.subscriptions) > self.max_subscriptions_per_rpc:
            raise StreamFaultError("subscriptions_excess")
        for subscription in rpc.subscriptions:
            self.handle_subscription(peer_id, subscription)
        if rpc.subscriptions:
            self._tell_membership(peer_id)
        if rpc.HasField("control"):
            await self.router.handle_rpc(rpc, peer_id)

    def _take_record(self, rpc: rpc_pb2.RPC, peer_id: ID) -> None:
        """Keep where a peer is; stock peers tell the same with every RPC."""
        record = rpc.senderRecord
        if not record or self._records.get(peer_id) == record:
            return
        self._records[peer_id] = record
        if not maybe_consume_signed_record(rpc, self.host, peer_id):
            self._rejections.count("peer_record_refused")

    def handle_subscription(self, origin_id: ID, sub_message: rpc_pb2.RPC.SubOpts) -> None:
        """Note that a peer enters or leaves a topic."""
        bucket = self._subscription_rates.get(origin_id)
        if bucket is not None and bucket.take(trio.current_time()) > 0.0:
            raise StreamFaultError("subscriptions_flood")
        topic = sub_message.topicid
        # The protobuf library hands out text that is not UTF-8 as bytes.
        if isinstance(topic, bytes):
            raise StreamFaultError("rpc_malformed")
        if len(topic.encode()) > MAX_TOPIC_BYTES:
            self._rejections.count("subscription_topic_too_long")
            return
        if not sub_message.subscribe:
            self.router.mesh.get(topic, set()).discard(origin_id)
        super().handle_subscription(origin_id, sub_message)

    def _forget_all_subscriptions(self, peer_id: ID) -> None:
        """Note that a peer left every topic."""
        for mesh_peers in self.router.mesh.values():
            mesh_peers.discard(peer_id)
        super()._forget_all_subscriptions(peer_id)
        self._tell_membership(peer_id)
