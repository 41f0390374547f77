"""Reports to whom our own messages were handed, and who announces that it has them.

Called by ``p2pd.net.network`` on behalf of ``p2pd.chat.deliveries``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from libp2p.peer.id import ID

from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.net.pubsub.gossip import Gossip, peer_id_from_bytes
from p2pd.net.pubsub.messages import WireMessage


class DeliveryListener(Protocol):
    """Whom our own messages are reported to; in the trio thread, must not raise."""

    def handed(self, room: RoomName, message_id: MessageId, peers: Iterable[PeerId]) -> None:
        """Handle that one of our own messages was handed to peers."""

    def announced(self, peer_id: PeerId, message_ids: Iterable[MessageId]) -> None:
        """Handle that a peer has announced messages of ours."""


def report_deliveries(gossip: Gossip, listener: DeliveryListener) -> None:
    """Report from now on."""
    control, sender = gossip.pubsub.router.control, gossip.pubsub.sender

    def handed(message: WireMessage, peers: Sequence[ID]) -> None:
        message_id = MessageId(message.wire_id.hex())
        listener.handed(RoomName(message.topic), message_id, map(_peer_id_from, peers))

    def announced(peer: ID, wire_ids: Sequence[bytes]) -> None:
        message_ids = (MessageId(wire_id.hex()) for wire_id in wire_ids)
        listener.announced(_peer_id_from(peer), message_ids)

    sender.on_handed, control.on_own_announced = handed, announced
    control.own_author = gossip.pubsub.host.get_id().to_bytes()


def _peer_id_from(peer_id: ID) -> PeerId:
    return peer_id_from_bytes(peer_id.to_bytes())
