"""GossipSub of the library with a bounded, contained mesh and a sending side of ours.

Made by ``open_gossip``; the sender asks it where a message goes. What is the
library's: the mesh, its degrees, grafts, backoff. What is ours: frames are encoded
once and queued for each peer, gossip goes to every peer outside the mesh, and a
peer's control messages cannot grow or stop anything here.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import structlog
import trio
from libp2p.custom_types import TProtocol
from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pb import rpc_pb2
from libp2p.pubsub.pubsub import Pubsub

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.pubsub.control import MAX_IDS_IN_FRAME, MAX_IDS_READ, ControlMessages
from p2pd.net.pubsub.frames import frame_from_rpc, pack_rpcs
from p2pd.net.pubsub.mesh_state import MeshState
from p2pd.net.pubsub.recent_messages import RecentMessages
from p2pd.net.relay.circuit import replay_bytes

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
MAX_PRUNE_BACKOFF_S = 3_600
#: A peer that missed messages hears of them once its queue is so empty.
MISSED_ANNOUNCED_BELOW_FILL = 0.25
#: A peer asks for a message once in a heartbeat of its own: one announcement can come too early.
MISSED_ANNOUNCEMENTS = 2


def recent_messages(heartbeat_s: float, replay_s: float) -> RecentMessages:
    """Make the cache of messages that peers may still want."""
    replay_beats = max(GOSSIP_BEATS, round(replay_s / heartbeat_s))
    return RecentMessages(GOSSIP_BEATS, replay_beats, MAX_RECENT_BYTES)


class GossipRouter(GossipSub):
    """The router; every peer it names as a receiver is one of ``Pubsub.peers``."""

    pubsub: Pubsub
    mcache: RecentMessages  # type: ignore[assignment]  # what the library calls of it is there

    def __init__(self, state: MeshState, rejections: Rejections, heartbeat_s: float) -> None:
        super().__init__(
            protocols=PROTOCOLS,
            degree=6,
            degree_low=4,
            degree_high=12,
            heartbeat_interval=heartbeat_s,  # type: ignore[arg-type]  # it only sleeps so long
            spam_protection_enabled=False,
            adaptive_gossip_enabled=False,
            eclipse_protection_enabled=False,
        )
        # Its default weights are all zero; what is left is its bookkeeping.
        self.scorer = None
        self.mcache = state.recent
        self._state = state
        self._rejections = rejections
        self.control = ControlMessages(state, rejections)

    # Where messages go

    def receivers(self, topic: str) -> list[ID]:
        """List who gets our own messages: every peer in the topic (flood publishing)."""
        writable = self._state.peers
        return [peer for peer in self.pubsub.peer_topics.get(topic, ()) if peer in writable]

    def relays(self, topic: str, wire_id: bytes, forwarder: ID, author: bytes) -> list[ID]:
        """List who gets a message that came from ``forwarder``: the mesh, without echoes."""
        return [
            peer
            for peer in self.mesh.get(topic, ())
            if peer != forwarder
            and peer.to_bytes() != author
            and wire_id not in self.dont_send_message_ids.get(peer, ())
        ]

    async def send_recent_messages(self, peer_id: ID, topic: str) -> None:
        """Give a peer that comes into a topic what was said there last."""
        queue = self._state.queue_of(peer_id)
        if queue is None or topic not in self.mesh:
            return
        own_id = peer_id.to_bytes()
        connections = self.pubsub.host.get_network().get_connections(peer_id)
        max_bytes = replay_bytes(connections)
        for message in self.mcache.replay(topic, MAX_REPLAYED_MESSAGES, max_bytes):
            if not message.wire_id.startswith(own_id):
                queue.push(message.frame)

    async def flush_pending_messages(self, peer_id: ID) -> None:
        """Do nothing: a peer not yet known is given the recent messages when it is."""

    def send_dont_want(self, topic: str, wire_id: bytes, forwarder: ID) -> None:
        """Ask the mesh not to send a large message that is here now."""
        control = rpc_pb2.ControlMessage()
        control.idontwant.add().messageIDs.append(wire_id)
        frame = frame_from_rpc(rpc_pb2.RPC(control=control))
        for peer in self.mesh.get(topic, ()):
            if peer != forwarder and self.peer_protocol.get(peer) in _DONT_WANT_PROTOCOLS:
                self.control.push(frame, peer)

    # Control messages

    async def handle_rpc(self, rpc: rpc_pb2.RPC, sender_peer_id: ID) -> None:
        """Handle a peer's control message, of which the excess is cut off."""
        control, bounded = rpc.control, self.control.bounded
        for ihave in bounded(control.ihave):
            await self.handle_ihave(ihave, sender_peer_id)
        for iwant in bounded(control.iwant):
            self.control.handle_iwant(iwant.messageIDs, sender_peer_id)
        for graft in bounded(control.graft):
            if graft.topicID in self.mesh:
                await self.handle_graft(graft, sender_peer_id)
        for prune in bounded(control.prune):
            await self.handle_prune(prune, sender_peer_id)
        for idontwant in bounded(control.idontwant):
            unwanted = self.dont_send_message_ids.get(sender_peer_id)
            if unwanted is not None:
                self.control.handle_idontwant(idontwant.messageIDs, unwanted, sender_peer_id)

    async def handle_ihave(self, ihave_msg: rpc_pb2.ControlIHave, sender_peer_id: ID) -> None:
        """Ask for what is not here yet, within the rate of announcements."""
        topic = ihave_msg.topicID
        if topic not in self.mesh or not self._check_ihave_rate_limit(sender_peer_id, topic):
            self._rejections.count(RejectionReason.IHAVE_REFUSED)
            return
        self.control.handle_ihave(ihave_msg.messageIDs, sender_peer_id)

    async def handle_prune(self, prune_msg: rpc_pb2.ControlPrune, sender_peer_id: ID) -> None:
        """Leave the mesh with a peer; topics that are not ours and exchanged peers are ignored."""
        if prune_msg.topicID not in self.mesh:
            self._rejections.count(RejectionReason.PRUNE_TOPIC_UNKNOWN)
            return
        if prune_msg.peers:
            self._rejections.count(RejectionReason.PEER_EXCHANGE_IGNORED, len(prune_msg.peers))
        bounded = rpc_pb2.ControlPrune(
            topicID=prune_msg.topicID, backoff=min(prune_msg.backoff, MAX_PRUNE_BACKOFF_S)
        )
        await super().handle_prune(bounded, sender_peer_id)

    async def emit_control_message(self, control_msg: rpc_pb2.ControlMessage, to_peer: ID) -> None:
        """Queue a control message of the library's."""
        self.control.send(control_msg, to_peer)

    # The heartbeat

    async def heartbeat(self) -> None:
        """Maintain the mesh and announce messages, once an interval."""
        await trio.sleep(self.heartbeat_initial_delay)
        while True:
            try:
                self._beat()
            # Boundary: the mesh is fed by unknown peers, and must go on whatever they sent.
            except Exception:
                self._rejections.count(RejectionReason.HEARTBEAT_FAILED)
                log.exception("heartbeat failed")
            await trio.sleep(self.heartbeat_interval)

    def _beat(self) -> None:
        grafts, prunes = self.mesh_heartbeat()
        ihaves = self._choose_gossip()
        for peer in {*grafts, *prunes, *ihaves}:
            controls = [
                _control(graft=[rpc_pb2.ControlGraft(topicID=topic)]) for topic in grafts[peer]
            ]
            for topic in prunes[peer]:
                self._add_back_off(peer, topic, False)
                prune = rpc_pb2.ControlPrune(topicID=topic, backoff=self.prune_back_off)
                controls.append(_control(prune=[prune]))
            controls += [_control(ihave=[ihave]) for ihave in ihaves[peer]]
            for rpc in pack_rpcs(controls):
                self.control.push(frame_from_rpc(rpc), peer)
        self._announce_missed()
        self.control.request_unstored()
        self.mcache.shift()
        self._state.seen.sweep()
        self.control.start_heartbeat()
        self._prune_idontwant_entries()
        self._periodic_security_cleanup()
        self._remove_past_back_offs()

    def _choose_gossip(self) -> dict[ID, list[rpc_pb2.ControlIHave]]:
        """Choose what to announce to peers outside the mesh, in backoff or not."""
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

    def _announce_missed(self) -> None:
        """Announce what they may have missed to peers whose queue was full and no longer is."""
        for peer, mesh_peer in self._state.peers.items():
            queue = mesh_peer.queue
            if queue.has_refused:
                queue.has_refused = False
                mesh_peer.announcements_due = MISSED_ANNOUNCEMENTS
            if not mesh_peer.announcements_due or queue.fill > MISSED_ANNOUNCED_BELOW_FILL:
                continue
            mesh_peer.announcements_due -= 1
            for topic in self.mesh:
                if peer in self.pubsub.peer_topics.get(topic, ()):
                    self._announce_recent(peer, topic)

    def _announce_recent(self, peer: ID, topic: str) -> None:
        ids = [message.wire_id for message in self.mcache.replay(topic, MAX_IDS_READ)]
        self.control.announce(topic, ids, peer)

    def _remove_past_back_offs(self) -> None:
        for topic in list(self.back_off):
            for peer in list(self.back_off[topic]):
                self._check_back_off(peer, topic)
            if not self.back_off[topic]:
                del self.back_off[topic]


def _control(**entries: Any) -> rpc_pb2.RPC:
    return rpc_pb2.RPC(control=rpc_pb2.ControlMessage(**entries))
