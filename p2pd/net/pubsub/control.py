"""Control messages about messages, each bounded: IHAVE, IWANT and IDONTWANT.

Owned by the router. The library grows with whatever a peer makes up and answers in
RPCs of any size; here lists are cut, and what goes out fits into what every peer
takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.pubsub.frames import frame_from_rpc
from p2pd.net.pubsub.mesh_state import MeshState
from p2pd.net.pubsub.message_ids import all_forms, canonical_id

#: Ids in one IHAVE or IWANT, 48 bytes each: below the 65,536 bytes of a default rust peer.
MAX_IDS_IN_FRAME = 1_000
MAX_IDS_READ = 5_000
#: Control entries of one kind that are read from one RPC.
MAX_ENTRIES_READ = 128
MAX_DONT_WANT_IDS = 1_000
#: A peer id and a sequence number have 50 bytes at most.
MAX_ID_BYTES = 64
#: What one peer may ask back by IWANT in one heartbeat.
MAX_ASKED_BYTES = 4 * 1024 * 1024

OnAnnounced = Callable[[ID, Sequence[bytes]], None]


class ControlMessages:
    """Reads them and queues ours.

    Attributes:
        on_own_announced: Called with what a peer announces of our own messages.
        own_author: What the ids of our own messages begin with.
    """

    def __init__(self, state: MeshState, rejections: Rejections) -> None:
        self._state = state
        self._rejections = rejections
        self._asked_ids: set[bytes] = set()
        self.on_own_announced: OnAnnounced | None = None
        self.own_author = b"\xff"

    def start_heartbeat(self) -> None:
        """Give every peer its budgets anew."""
        self._asked_ids.clear()
        for peer in self._state.peers.values():
            peer.given_bytes = 0

    def bounded(self, entries: Any) -> Any:
        """Cut a list of control entries, and count that it was cut."""
        if len(entries) <= MAX_ENTRIES_READ:
            return entries
        excess = len(entries) - MAX_ENTRIES_READ
        self._rejections.count(RejectionReason.CONTROL_ENTRIES_EXCESS, excess)
        return entries[:MAX_ENTRIES_READ]

    # What peers send

    def handle_ihave(self, announced: Sequence[bytes], sender: ID) -> None:
        """Ask for what is not here yet, each id once a heartbeat.

        What could not be stored is asked for by the heartbeat.
        """
        wanted: list[bytes] = []
        self._report_own(announced, sender)
        for announced_id in announced[:MAX_IDS_READ]:
            wire_id = canonical_id(announced_id)
            if len(wire_id) > MAX_ID_BYTES:
                self._rejections.count(RejectionReason.MESSAGE_ID_TOO_LONG)
            elif self._state.is_known(wire_id):
                continue
            elif wire_id in self._state.unstored:
                self._state.unstored.add_holder(wire_id, sender)
            elif wire_id not in self._asked_ids and len(self._asked_ids) < MAX_IDS_READ:
                self._asked_ids.add(wire_id)
                wanted.append(announced_id)
        self._request(wanted, sender)

    def _report_own(self, announced: Sequence[bytes], sender: ID) -> None:
        own = [one for one in announced[:MAX_IDS_READ] if one.startswith(self.own_author)]
        if own and self.on_own_announced is not None:
            self.on_own_announced(sender, own)

    def handle_iwant(self, wanted: Sequence[bytes], sender: ID) -> None:
        """Send what is asked for, within a budget a heartbeat."""
        peer = self._state.peers.get(sender)
        if peer is None:
            return
        for wire_id in wanted[:MAX_IDS_READ]:
            message = self._state.recent.get(canonical_id(wire_id))
            if message is None:
                continue
            peer.given_bytes += len(message.frame)
            if peer.given_bytes > MAX_ASKED_BYTES:
                self._rejections.count(RejectionReason.IWANT_OVER_BUDGET)
                peer.queue.has_refused = True
                return
            peer.queue.push(message.frame)

    def handle_idontwant(self, ids: Sequence[bytes], unwanted: set[bytes], sender: ID) -> None:
        """Add to what a peer does not want, until the next heartbeat."""
        peer = self._state.peers.get(sender)
        room = max(0, MAX_DONT_WANT_IDS - len(unwanted))
        for wire_id in map(canonical_id, ids[:room]):
            if len(wire_id) <= MAX_ID_BYTES:
                unwanted.add(wire_id)
                if peer is not None:
                    peer.held.pop(wire_id, None)
            else:
                self._rejections.count(RejectionReason.MESSAGE_ID_TOO_LONG)

    # What this node sends

    def request_unstored(self) -> None:
        """Ask again for what could not be stored."""
        for peer_id, wire_ids in self._state.unstored.requests().items():
            self._request([form for wire_id in wire_ids for form in all_forms(wire_id)], peer_id)

    def announce(self, topic: str, wire_ids: Sequence[bytes], peer_id: ID) -> None:
        """Announce messages to a peer."""
        for start in range(0, len(wire_ids), MAX_IDS_IN_FRAME):
            control = rpc_pb2.ControlMessage()
            ids = wire_ids[start : start + MAX_IDS_IN_FRAME]
            control.ihave.add(topicID=topic, messageIDs=ids)
            self.send(control, peer_id)

    def _request(self, wire_ids: Sequence[bytes], peer_id: ID) -> None:
        for start in range(0, len(wire_ids), MAX_IDS_IN_FRAME):
            control = rpc_pb2.ControlMessage()
            control.iwant.add().messageIDs.extend(wire_ids[start : start + MAX_IDS_IN_FRAME])
            self.send(control, peer_id)

    def send(self, control: rpc_pb2.ControlMessage, peer_id: ID) -> None:
        """Queue a control message, without a signed record and without a copy."""
        self.push(frame_from_rpc(rpc_pb2.RPC(control=control)), peer_id)

    def push(self, frame: bytes, peer_id: ID) -> None:
        """Queue the frame of a control message."""
        queue = self._state.queue_of(peer_id)
        if queue is not None and not queue.push_control(frame):
            self._rejections.count(RejectionReason.SEND_CONTROL_DROPPED)
