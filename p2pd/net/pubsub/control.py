"""What peers tell by control messages, each bounded, and how ours are queued.

The lower half of the router. The library grows with whatever a peer makes up
and answers in RPCs of any size; here topics that are not ours are ignored,
lists are cut, and what goes out fits into what every peer takes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from libp2p.peer.id import ID
from libp2p.pubsub.gossipsub import GossipSub
from libp2p.pubsub.pb import rpc_pb2

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.pubsub.frames import frame_from_rpc
from p2pd.net.pubsub.message_ids import all_forms, canonical_id
from p2pd.net.pubsub.seen import RecentMessages

if TYPE_CHECKING:
    from p2pd.net.pubsub.service import PubsubService

#: Ids in one IHAVE or IWANT, 48 bytes each: below the 65,536 bytes of a default rust peer.
MAX_IDS_IN_FRAME = 1_000
MAX_IDS_READ = 5_000
#: Control entries of one kind that are read from one RPC.
MAX_ENTRIES_READ = 128
MAX_PRUNE_BACKOFF_S = 3_600
MAX_DONT_WANT_IDS = 1_000
#: A peer id and a sequence number have 50 bytes at most.
MAX_ID_BYTES = 64
#: What one peer may ask back by IWANT in one heartbeat.
MAX_ASKED_BYTES = 4 * 1024 * 1024


class ControlledGossipSub(GossipSub):
    """GossipSub whose control messages are bounded both ways."""

    pubsub: PubsubService
    mcache: RecentMessages  # type: ignore[assignment]  # what the library calls of it is there

    def __init__(self, rejections: Rejections, **settings: Any) -> None:
        super().__init__(**settings)
        self._rejections = rejections
        self._asked_ids: set[bytes] = set()
        self._given_bytes: Counter[ID] = Counter()

    def _begin_beat(self) -> None:
        """Give every peer its budgets anew."""
        self._asked_ids.clear()
        self._given_bytes.clear()
        self._prune_idontwant_entries()

    # What peers tell

    async def handle_rpc(self, rpc: rpc_pb2.RPC, sender_peer_id: ID) -> None:
        """Take a peer's control message, of which the excess is cut off."""
        control = rpc.control
        for ihave in self._bounded(control.ihave):
            await self.handle_ihave(ihave, sender_peer_id)
        for iwant in self._bounded(control.iwant):
            await self.handle_iwant(iwant, sender_peer_id)
        for graft in self._bounded(control.graft):
            if graft.topicID in self.mesh:
                await self.handle_graft(graft, sender_peer_id)
        for prune in self._bounded(control.prune):
            await self.handle_prune(prune, sender_peer_id)
        for idontwant in self._bounded(control.idontwant):
            await self.handle_idontwant(idontwant, sender_peer_id)

    def _bounded(self, entries: Any) -> Any:
        """Cut a list of control entries, and count that it was cut."""
        if len(entries) <= MAX_ENTRIES_READ:
            return entries
        self._rejections.count(
            RejectionReason.CONTROL_ENTRIES_EXCESS, len(entries) - MAX_ENTRIES_READ
        )
        return entries[:MAX_ENTRIES_READ]

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

    async def handle_ihave(self, ihave_msg: rpc_pb2.ControlIHave, sender_peer_id: ID) -> None:
        """Ask for what is not here yet, each id once a heartbeat.

        What could not be stored is asked for by the heartbeat.
        """
        topic = ihave_msg.topicID
        if topic not in self.mesh or not self._check_ihave_rate_limit(sender_peer_id, topic):
            self._rejections.count(RejectionReason.IHAVE_REFUSED)
            return
        wanted: list[bytes] = []
        for announced_id in ihave_msg.messageIDs[:MAX_IDS_READ]:
            wire_id = canonical_id(announced_id)
            if len(wire_id) > MAX_ID_BYTES:
                self._rejections.count(RejectionReason.MESSAGE_ID_TOO_LONG)
                continue
            if self.pubsub.is_known(wire_id):
                continue
            if wire_id in self.pubsub.unstored:
                self.pubsub.unstored.add_holder(wire_id, sender_peer_id)
            elif wire_id not in self._asked_ids and len(self._asked_ids) < MAX_IDS_READ:
                self._asked_ids.add(wire_id)
                wanted.append(announced_id)
        self._request(wanted, sender_peer_id)

    def _request(self, wire_ids: Sequence[bytes], peer_id: ID) -> None:
        """Ask a peer for messages by IWANT."""
        for start in range(0, len(wire_ids), MAX_IDS_IN_FRAME):
            control = rpc_pb2.ControlMessage()
            control.iwant.add().messageIDs.extend(wire_ids[start : start + MAX_IDS_IN_FRAME])
            self._emit(control, peer_id)

    def request_unstored(self) -> None:
        """Ask again for what could not be stored."""
        for peer_id, wire_ids in self.pubsub.unstored.requests().items():
            self._request([form for wire_id in wire_ids for form in all_forms(wire_id)], peer_id)

    async def handle_iwant(self, iwant_msg: rpc_pb2.ControlIWant, sender_peer_id: ID) -> None:
        """Send what is asked for, within a budget a heartbeat."""
        queue = self.pubsub.peer_queues.get(sender_peer_id)
        if queue is None:
            return
        for wire_id in iwant_msg.messageIDs[:MAX_IDS_READ]:
            message = self.mcache.get(canonical_id(wire_id))
            if message is None:
                continue
            self._given_bytes[sender_peer_id] += len(message.frame)
            if self._given_bytes[sender_peer_id] > MAX_ASKED_BYTES:
                self._rejections.count(RejectionReason.IWANT_OVER_BUDGET)
                queue.has_refused = True
                return
            queue.push(message.frame)

    async def handle_idontwant(
        self, idontwant_msg: rpc_pb2.ControlIDontWant, sender_peer_id: ID
    ) -> None:
        """Note what a peer does not want, until the next heartbeat."""
        unwanted = self.dont_send_message_ids.get(sender_peer_id)
        if unwanted is None:
            return
        room = max(0, MAX_DONT_WANT_IDS - len(unwanted))
        ids: Iterable[bytes] = idontwant_msg.messageIDs[:room]
        wire_ids = [canonical_id(wire_id) for wire_id in ids]
        fitting = [wire_id for wire_id in wire_ids if len(wire_id) <= MAX_ID_BYTES]
        unwanted.update(fitting)
        if len(fitting) < len(wire_ids):
            self._rejections.count(
                RejectionReason.MESSAGE_ID_TOO_LONG, len(wire_ids) - len(fitting)
            )

    # What we tell

    async def emit_control_message(self, control_msg: rpc_pb2.ControlMessage, to_peer: ID) -> None:
        """Queue a control message, without a signed record and without a copy."""
        self._emit(control_msg, to_peer)

    def _emit(self, control: rpc_pb2.ControlMessage, to_peer: ID) -> None:
        self._push_control(to_peer, frame_from_rpc(rpc_pb2.RPC(control=control)))

    def _push_control(self, peer_id: ID, frame: bytes) -> None:
        queue = self.pubsub.peer_queues.get(peer_id)
        if queue is not None and not queue.push_control(frame):
            self._rejections.count(RejectionReason.SEND_CONTROL_DROPPED)
