"""The outbound half of the pubsub service: one stream, queue and writer a peer.

``PubsubService`` adds the inbound half. A stream that breaks is opened again as
long as the peer is connected, whoever broke it; what the peer told us of its
subscriptions stays, since it told that on its own stream.
"""

from __future__ import annotations

from typing import Protocol

import structlog
import trio
from libp2p.abc import IHost, INetStream
from libp2p.io.exceptions import IOException
from libp2p.network.connection.exceptions import RawConnError
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.exceptions import StreamEOF, StreamError
from libp2p.peer.id import ID
from libp2p.peer.peerstore import env_to_send_in_RPC
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.pubsub.frames import frame_from_rpc, varint
from p2pd.net.pubsub.inbound import WireReceiver
from p2pd.net.pubsub.router import GossipRouter
from p2pd.net.pubsub.send_queue import SendQueue

log = structlog.get_logger(__name__)

WRITE_BYTES = 64 * 1024
#: A stream that takes nothing for so long is given up.
WRITE_STALL_S = 30.0
CLOSE_TIMEOUT_S = 1.0
OPEN_STREAM_TIMEOUT_S = 30.0
RETRY_FIRST_S = 0.1
RETRY_MAX_S = 10.0
#: A peer that does not speak pubsub is asked again at last so seldom.
RETRY_REFUSED_MAX_S = 300.0

#: How a stream ends when nobody broke a rule.
STREAM_ENDED = (
    StreamError,
    SwarmException,
    IOException,
    RawConnError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
)


class PubsubObserver(WireReceiver, Protocol):
    """Whom the service tells; called in the trio thread, must not block."""

    def topic_entered(self, peer_id: ID, topic: str) -> None:
        """Note that a peer is in a topic, joined here or not, and can be written to."""

    def topic_left(self, peer_id: ID, topic: str) -> None:
        """Note that a peer left a topic, or cannot be written to."""


class OutboundPubsub(Pubsub):
    """Pubsub that writes through bounded queues of ready frames."""

    router: GossipRouter
    peer_queues: dict[ID, SendQueue]  # type: ignore[assignment]  # only this class fills them

    def __init__(
        self,
        host: IHost,
        router: GossipRouter,
        observer: PubsubObserver,
        rejections: Rejections,
        queue_max_bytes: int,
    ) -> None:
        super().__init__(host, router)
        self._observer = observer
        self._topics_told: dict[ID, set[str]] = {}
        self._rejections = rejections
        self._queue_max_bytes = queue_max_bytes
        self._opening: set[ID] = set()
        self._is_finishing = False
        self._all_retired = trio.Event()

    # Opening

    def adopt(self, peer_id: ID) -> None:
        """Open the stream to a peer that was connected before the service ran."""
        self._schedule_peer_stream_retry(peer_id)

    async def _handle_new_peer_with_retry(self, peer_id: ID, timeout: float | None = None) -> None:
        """Open the stream to a peer, again and again while it is connected."""
        delay_s = RETRY_FIRST_S
        with trio.move_on_after(float("inf") if timeout is None else timeout):
            while not self._is_finishing and self._peer_is_connected(peer_id):
                try:
                    await self._handle_new_peer(peer_id)
                except STREAM_ENDED:
                    delay_s = min(delay_s, RETRY_MAX_S)
                # Boundary: how a stranger refuses a stream is up to it.
                except Exception as error:
                    log.debug("peer refuses pubsub", peer_id=str(peer_id), error=repr(error))
                else:
                    return
                await trio.sleep(delay_s)
                delay_s = min(delay_s * 2, RETRY_REFUSED_MAX_S)

    async def _handle_new_peer(self, peer_id: ID) -> None:
        """Open the stream to a peer, unless it is open or being opened."""
        if peer_id in self.peers or peer_id in self._opening or self.is_peer_blacklisted(peer_id):
            return
        self._opening.add(peer_id)
        try:
            with trio.fail_after(OPEN_STREAM_TIMEOUT_S):
                stream = await self.host.new_stream(peer_id, self.protocols)
        finally:
            self._opening.discard(peer_id)
        self.router.add_peer(peer_id, stream.get_protocol())
        queue = SendQueue(self._queue_max_bytes)
        self.peers[peer_id] = stream
        self.peer_queues[peer_id] = queue
        # From here on announcements reach the queue: none is lost after the hello.
        queue.push_control(frame_from_rpc(self.get_hello_packet()))
        if peer_id in self._peer_added_events:
            self._peer_added_events.pop(peer_id).set()
        self.manager.run_task(self._write_queued, peer_id, stream, queue)
        await self._catch_up(peer_id)

    async def _catch_up(self, peer_id: ID) -> None:
        """Graft a peer whose subscriptions came before our stream, and replay to it."""
        for topic in [topic for topic, peers in self.peer_topics.items() if peer_id in peers]:
            await self.router.on_peer_subscribed(peer_id, topic)
            await self._replay_recent_messages(peer_id, topic)
        self._tell_membership(peer_id)

    def get_hello_packet(self) -> rpc_pb2.RPC:
        """Tell all our topics, and where we are, once a stream."""
        hello = rpc_pb2.RPC()
        for topic in self.topic_ids:
            hello.subscriptions.add(subscribe=True, topicid=topic)
        hello.senderRecord, _ = env_to_send_in_RPC(self.host)
        return hello

    # Writing

    async def _write_queued(self, peer_id: ID, stream: INetStream, queue: SendQueue) -> None:
        """Write what is queued, joined, until the stream or the peer is gone."""
        is_written = False
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._watch, stream, nursery.cancel_scope)
                while data := await queue.take(WRITE_BYTES):
                    with trio.fail_after(WRITE_STALL_S):
                        await stream.write(data)
                is_written = True
                nursery.cancel_scope.cancel()
        # Boundary: a stream ends in many ways; each means that it is opened again.
        except Exception as error:
            log.debug("pubsub stream ended", peer_id=str(peer_id), error=repr(error))
        finally:
            with trio.move_on_after(CLOSE_TIMEOUT_S) as scope:
                scope.shield = True
                await (stream.close() if is_written else stream.reset())
            self._retire(peer_id, stream, queue)

    async def _watch(self, stream: INetStream, scope: trio.CancelScope) -> None:
        """End the writer when the stream dies; nothing is ever sent to us on it."""
        try:
            await stream.read(1)
        except StreamEOF:
            if not stream.muxed_conn.is_closed:
                return
        except STREAM_ENDED:
            pass
        scope.cancel()

    async def finish(self, timeout_s: float) -> None:
        """Write what waits, then end every stream; peers can open none to us any more."""
        self._is_finishing = True
        self._all_retired = trio.Event()
        for protocol in self.protocols:
            self.host.remove_stream_handler(protocol)
        for queue in self.peer_queues.values():
            queue.finish()
        with trio.move_on_after(timeout_s) as scope:
            scope.shield = True
            if self.peers:
                await self._all_retired.wait()

    def _retire(self, peer_id: ID, stream: INetStream, queue: SendQueue) -> None:
        """Take a stream out of use, and open the next one if the peer is still there."""
        queue.close()
        if self.peers.get(peer_id) is not stream:
            return
        del self.peers[peer_id]
        del self.peer_queues[peer_id]
        self.router.remove_peer(peer_id)
        self._replayed_recent_topics.pop(peer_id, None)
        self._tell_membership(peer_id)
        if not self.peers:
            self._all_retired.set()
        if not self._is_finishing and self._peer_is_connected(peer_id):
            self._schedule_peer_stream_retry(peer_id)

    def _handle_dead_peer(self, peer_id: ID) -> None:
        """Forget a peer, unless a newer connection to it is there."""
        if self._peer_is_connected(peer_id):
            return
        self._forget_all_subscriptions(peer_id)
        stream = self.peers.get(peer_id)
        if stream is not None:
            self._retire(peer_id, stream, self.peer_queues[peer_id])

    def _tell_membership(self, peer_id: ID) -> None:
        """Tell the observer what changed since: a peer is in a topic when it can be written to."""
        told = self._topics_told.pop(peer_id, set())
        topics: set[str] = set()
        if peer_id in self.peers:
            topics = {topic for topic, peers in self.peer_topics.items() if peer_id in peers}
            self._topics_told[peer_id] = topics
        for topic in told - topics:
            self._observer.topic_left(peer_id, topic)
        for topic in topics - told:
            self._observer.topic_entered(peer_id, topic)

    # Telling everybody

    def _build_announce_rpc(
        self, topic_id: str, subscribe: bool
    ) -> tuple[rpc_pb2.RPC, rpc_pb2.RPC.SubOpts]:
        """Say that we enter or leave a topic; where we are was in the hello."""
        rpc = rpc_pb2.RPC()
        return rpc, rpc.subscriptions.add(subscribe=subscribe, topicid=topic_id)

    async def message_all_peers(
        self, raw_msg: bytes, announce: rpc_pb2.RPC.SubOpts | None = None
    ) -> None:
        """Queue an announcement for every peer.

        A peer that left its control queue to fill up gets a new stream, whose first
        frame has all our topics.
        """
        frame = varint(len(raw_msg)) + raw_msg
        for queue in self.peer_queues.values():
            if not queue.push_control(frame):
                self._rejections.count(RejectionReason.SEND_ANNOUNCEMENT_DROPPED)
                queue.close()
