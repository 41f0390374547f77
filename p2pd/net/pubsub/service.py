"""The pubsub service: the library's ``Pubsub`` put together from parts of ours.

Made by ``open_gossip``. Of the library are the tasks and who is in which topic; the
streams in and out, the way of a message and the memberships are parts, which know
the library's classes and not this one. The methods here are the places where the
library calls.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import structlog
import trio
from libp2p.abc import IHost, INetStream
from libp2p.peer.id import ID
from libp2p.peer.peerstore import env_to_send_in_RPC
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.patches.swarm import is_relayed
from p2pd.net.pubsub.author_rates import AuthorRates
from p2pd.net.pubsub.frames import frame_from_rpc, pack_rpcs, varint
from p2pd.net.pubsub.inbound import InboundPipeline
from p2pd.net.pubsub.inbound_streams import InboundStreams
from p2pd.net.pubsub.intake import MessageIntake
from p2pd.net.pubsub.memberships import Memberships
from p2pd.net.pubsub.mesh_state import MeshState
from p2pd.net.pubsub.outbound import OutboundStreams
from p2pd.net.pubsub.ports import TopicObserver, WireReceiver
from p2pd.net.pubsub.router import GossipRouter
from p2pd.net.pubsub.seen import SeenIds
from p2pd.net.pubsub.sender import MessageSender
from p2pd.net.streams.opened import connection_of

log = structlog.get_logger(__name__)


class PubsubService(Pubsub):
    """The whole service."""

    router: GossipRouter
    seen_messages: SeenIds  # type: ignore[assignment]  # what the library calls of it is there

    def __init__(
        self,
        host: IHost,
        router: GossipRouter,
        state: MeshState,
        receiver: WireReceiver,
        observer: TopicObserver,
        rejections: Rejections,
        author_rates: AuthorRates,
        queue_max_bytes: int,
        clock_ns: Callable[[], int],
    ) -> None:
        super().__init__(host, router)
        library_cache: Any = self.seen_messages
        library_cache.stop()
        self.seen_messages = state.seen
        self._rejections = rejections
        self.sender = MessageSender(state, router, rejections)
        pipeline = InboundPipeline(
            MessageIntake(self.my_id.to_bytes(), self.topic_ids, state, author_rates),
            receiver,
            state,
            self.sender.relay,
            self.sender.receive_copy,
            router.control.request_unstored,
            rejections,
            clock_ns,
        )
        self._memberships = Memberships(
            state, observer, self._enter_topic, self._leave_topic, rejections
        )
        self._inbound = InboundStreams(
            host, router, pipeline, self.sender, self._memberships, self._greet_in, rejections
        )
        self._outbound = OutboundStreams(
            self,
            state,
            rejections,
            queue_max_bytes,
            hello=self._hello_frames,
            on_writable=self._greet,
            on_ended=self._stream_ended,
        )

    # Streams

    async def stream_handler(self, stream: INetStream) -> None:
        """Read one stream of a peer."""
        await self._inbound.serve(stream)

    def is_heard(self, peer_id: ID) -> bool:
        """Return whether a peer has a stream open on which it sends."""
        return self._inbound.is_open(peer_id)

    def adopt(self, peer_id: ID) -> None:
        """Open the stream to a peer that was connected before the service ran."""
        self._schedule_peer_stream_retry(peer_id)

    async def use_best_connection(self, peer_id: ID, *, is_overlapping: bool) -> None:
        """Move what is sent to a peer off a relayed connection; see ``OutboundStreams.move``."""
        stream = self.peers.get(peer_id)
        if stream is not None and is_relayed(connection_of(stream)):
            await self._outbound.move(peer_id, is_overlapping=is_overlapping)

    async def finish(self, timeout_s: float) -> None:
        """Write what waits, then end every stream."""
        self.sender.held.send_due()
        await self._outbound.finish(timeout_s)

    async def _handle_new_peer_with_retry(self, peer_id: ID, timeout: float | None = None) -> None:
        with trio.move_on_after(float("inf") if timeout is None else timeout):
            await self._outbound.open_until_connected(peer_id)

    async def _handle_new_peer(self, peer_id: ID) -> None:
        await self._outbound.open(peer_id)

    async def _greet(self, peer_id: ID) -> None:
        """Graft a peer whose subscriptions came before our stream, and replay to it."""
        if peer_id in self._peer_added_events:
            self._peer_added_events.pop(peer_id).set()
        await self._greet_in(peer_id, list(self._memberships.topics_of(peer_id)))
        self._memberships.report(peer_id)

    async def _greet_in(self, peer_id: ID, topics: Sequence[str]) -> None:
        for topic in topics:
            if topic in self.topic_ids and peer_id in self.peers:
                await self.router.on_peer_subscribed(peer_id, topic)
                await self._replay_recent_messages(peer_id, topic)

    def _stream_ended(self, peer_id: ID) -> None:
        self._replayed_recent_topics.pop(peer_id, None)
        self._memberships.report(peer_id)

    def _handle_dead_peer(self, peer_id: ID) -> None:
        """Drop a peer, unless a newer connection to it is there."""
        if self._peer_is_connected(peer_id):
            return
        try:
            self._forget_all_subscriptions(peer_id)
            self._outbound.drop(peer_id)
        # Boundary: called by a task of the library, whose failure would end the service.
        except Exception:
            self._rejections.count(RejectionReason.PUBSUB_STREAM_FAILED)
            log.exception("peer not dropped", peer_id=str(peer_id))

    # Topics of peers

    def _enter_topic(self, peer_id: ID, topic: str) -> None:
        """Add a peer to a topic; the library's way takes three tasks for each."""
        peers = self.peer_topics.setdefault(topic, set())
        if peer_id in peers:
            return
        peers.add(peer_id)
        counts = self._peer_subscription_count
        counts[peer_id] = counts.get(peer_id, 0) + 1
        if (entered := self._subscription_events.pop((peer_id, topic), None)) is not None:
            entered.set()

    def _leave_topic(self, peer_id: ID, topic: str) -> None:
        """Remove a peer from a topic, and from its mesh."""
        self.router.mesh.get(topic, set()).discard(peer_id)
        self._forget_subscription(peer_id, topic)

    def _forget_all_subscriptions(self, peer_id: ID) -> None:
        super()._forget_all_subscriptions(peer_id)
        self._memberships.remove(peer_id)

    # Our topics

    def _hello_frames(self) -> list[bytes]:
        """Announce all our topics, and where we are, once a stream."""
        subscriptions = [
            rpc_pb2.RPC(subscriptions=[rpc_pb2.RPC.SubOpts(subscribe=True, topicid=topic)])
            for topic in self.topic_ids
        ]
        record, _ = env_to_send_in_RPC(self.host)
        packed = pack_rpcs([*subscriptions, rpc_pb2.RPC(senderRecord=record)])
        return [frame_from_rpc(rpc) for rpc in packed]

    def _build_announce_rpc(
        self, topic_id: str, subscribe: bool
    ) -> tuple[rpc_pb2.RPC, rpc_pb2.RPC.SubOpts]:
        """Say that we enter or leave a topic; where we are was in the hello."""
        rpc = rpc_pb2.RPC()
        return rpc, rpc.subscriptions.add(subscribe=subscribe, topicid=topic_id)

    async def message_all_peers(
        self, raw_msg: bytes, announce: rpc_pb2.RPC.SubOpts | None = None
    ) -> None:
        """Queue an announcement for every peer."""
        self._outbound.announce(varint(len(raw_msg)) + raw_msg)
