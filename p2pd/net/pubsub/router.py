"""GossipSub of the library with a bounded, contained mesh and a sending side of ours.

Made by ``open_gossip``; the pubsub service asks it where a message goes. What
is the library's: the mesh, its degrees, grafts, backoff. What is ours: frames
are encoded once and queued for each peer, gossip goes to every peer outside
the mesh, and a peer's control messages cannot grow or stop anything here.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import structlog
import trio
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.pubsub.control import (
    MAX_IDS_IN_FRAME,
    MAX_IDS_READ,
    ControlledGossipSub,
)
from p2pd.net.pubsub.frames import frame_from_rpc
from p2pd.net.pubsub.seen import RecentMessages

log = structlog.get_logger(__name__)

#: Newest first; all that go, rust and js peers speak.
PROTOCOLS = [TProtocol(f"/meshsub/{version}") for version in ("1.3.0", "1.2.0", "1.1.0", "1.0.0")]
#: Those with IDONTWANT.
_DONT_WANT_PROTOCOLS = frozenset(PROTOCOLS[:2])
#: Messages from this size up are worth an IDONTWANT.
DONT_WANT_MIN_BYTES = 1_024
GOSSIP_BEATS = 3
MAX_RECENT_BYTES = 16 * 1024 * 1024
MAX_REPLAYED_MESSAGES = 2_000
#: A peer that missed messages is told of them once its queue is so empty.
MISSED_TOLD_BELOW_FILL = 0.25


class GossipRouter(ControlledGossipSub):
    """The router; every peer it names is one of ``PubsubService.peers``."""

    def __init__(self, rejections: Rejections, heartbeat_s: float, replay_s: float) -> None:
        super().__init__(
            rejections,
            protocols=PROTOCOLS,
            degree=6,
            degree_low=4,
            degree_high=12,
            heartbeat_interval=heartbeat_s,
            spam_protection_enabled=False,
            adaptive_gossip_enabled=False,
            eclipse_protection_enabled=False,
        )
        # Its default weights are all zero; what is left is its bookkeeping.
        self.scorer = None
        replay_beats = max(GOSSIP_BEATS, round(replay_s / heartbeat_s))
        self.mcache = RecentMessages(GOSSIP_BEATS, replay_beats, MAX_RECENT_BYTES)

    # Where messages go

    def receivers(self, topic: str) -> list[ID]:
        """List who gets our own messages: every peer in the topic (flood publishing)."""
        return [peer for peer in self.pubsub.peer_topics.get(topic, ()) if peer in self.peers]

    def relays(self, topic: str, wire_id: bytes, forwarder: ID, author: bytes) -> list[ID]:
        """List who gets a message that came from ``forwarder``: the mesh, without echoes."""
        return [
            peer
            for peer in self.mesh.get(topic, ())
            if peer != forwarder
            and peer.to_bytes() != author
            and wire_id not in self.dont_send_message_ids.get(peer, ())
        ]

    @property
    def peers(self) -> dict[ID, Any]:
        """The peers that we can write to."""
        return self.pubsub.peers

    async def send_recent_messages(self, peer_id: ID, topic: str) -> None:
        """Give a peer that comes into a topic what was said there last."""
        queue = self.pubsub.peer_queues.get(peer_id)
        if queue is None or topic not in self.mesh:
            return
        own_id = peer_id.to_bytes()
        for message in self.mcache.replay(topic, MAX_REPLAYED_MESSAGES):
            if not message.wire_id.startswith(own_id):
                queue.push(message.frame)

    async def flush_pending_messages(self, peer_id: ID) -> None:
        """Do nothing: a peer not yet known is given the recent messages when it is."""

    def tell_dont_want(self, topic: str, wire_id: bytes, forwarder: ID) -> None:
        """Ask the mesh not to send a large message that is here now."""
        control = rpc_pb2.ControlMessage()
        control.idontwant.add().messageIDs.append(wire_id)
        frame = frame_from_rpc(rpc_pb2.RPC(control=control))
        for peer in self.mesh.get(topic, ()):
            if peer != forwarder and self.peer_protocol.get(peer) in _DONT_WANT_PROTOCOLS:
                self._push_control(peer, frame)

    # The heartbeat

    async def heartbeat(self) -> None:
        """Keep the mesh and tell of messages, once an interval."""
        await trio.sleep(self.heartbeat_initial_delay)
        while True:
            try:
                self._beat()
            # Boundary: the mesh is fed by strangers, and must go on whatever they told.
            except Exception:
                self._rejections.count(RejectionReason.HEARTBEAT_FAILED)
                log.exception("heartbeat failed")
            await trio.sleep(self.heartbeat_interval)

    def _beat(self) -> None:
        grafts, prunes = self.mesh_heartbeat()
        ihaves = self._choose_gossip()
        for peer in {*grafts, *prunes, *ihaves}:
            control = rpc_pb2.ControlMessage()
            control.graft.extend(rpc_pb2.ControlGraft(topicID=topic) for topic in grafts[peer])
            for topic in prunes[peer]:
                self._add_back_off(peer, topic, False)
                control.prune.add(topicID=topic, backoff=self.prune_back_off)
            control.ihave.extend(ihaves[peer])
            self._emit(control, peer)
        self._tell_missed()
        self.request_unstored()
        self.mcache.shift()
        self.pubsub.seen_messages.sweep()
        self._begin_beat()
        self._periodic_security_cleanup()
        self._forget_past_back_offs()

    def _choose_gossip(self) -> dict[ID, list[rpc_pb2.ControlIHave]]:
        """Tell peers outside the mesh, in backoff or not, of what they may have missed."""
        chosen: dict[ID, list[rpc_pb2.ControlIHave]] = defaultdict(list)
        for topic, mesh_peers in self.mesh.items():
            ids = self.mcache.window(topic)[:MAX_IDS_IN_FRAME]
            if not ids or topic not in self.pubsub.peer_topics:
                continue
            outside = len(self.pubsub.peer_topics[topic]) - len(mesh_peers)
            count = self._get_adaptive_gossip_peers_count(topic, outside)
            ihave = rpc_pb2.ControlIHave(topicID=topic, messageIDs=ids)
            for peer in self._get_in_topic_gossipsub_peers_from_minus(topic, count, mesh_peers):
                chosen[peer].append(ihave)
        return chosen

    def _tell_missed(self) -> None:
        """Tell peers whose queue was full, and no longer is, of what they may have missed."""
        for peer, queue in self.pubsub.peer_queues.items():
            if not queue.has_refused or queue.fill > MISSED_TOLD_BELOW_FILL:
                continue
            queue.has_refused = False
            for topic in self.mesh:
                if peer in self.pubsub.peer_topics.get(topic, ()):
                    self._tell_all_recent(peer, topic)

    def _tell_all_recent(self, peer: ID, topic: str) -> None:
        ids = [message.wire_id for message in self.mcache.replay(topic, MAX_IDS_READ)]
        for start in range(0, len(ids), MAX_IDS_IN_FRAME):
            control = rpc_pb2.ControlMessage()
            control.ihave.add(topicID=topic, messageIDs=ids[start : start + MAX_IDS_IN_FRAME])
            self._emit(control, peer)

    def _forget_past_back_offs(self) -> None:
        for topic in list(self.back_off):
            for peer in list(self.back_off[topic]):
                self._check_back_off(peer, topic)
            if not self.back_off[topic]:
                del self.back_off[topic]
