"""Signed bytes read and verified outside of gossip, by the same rules.

Given to synchronisation, which knows nothing of protobuf or keys.
"""

from __future__ import annotations

from p2pd.domain.messages import Delivery, Message
from p2pd.domain.names import PeerId
from p2pd.net.pubsub.gossip import message_from_wire
from p2pd.net.pubsub.messages import MessageVerifier, WireMessage, message_from_bytes


class SignedMessages:
    """Parse, verify and translate; the keys of authors are cached."""

    def __init__(self) -> None:
        self._verifier = MessageVerifier()

    def parse(self, signed: bytes) -> WireMessage:
        """Read a message and check its shape.

        Raises:
            MessageRefusedError: Something is missing, malformed or too large.
        """
        return message_from_bytes(signed)

    def verify(self, wire: WireMessage) -> None:
        """Check the signature.

        Raises:
            MessageRefusedError: It is not the author's.
        """
        self._verifier.verify(wire)

    def message(self, wire: WireMessage, forwarder_id: PeerId, now_ns: int) -> Message:
        """Translate a message that was fetched from a peer."""
        return message_from_wire(wire, forwarder_id, now_ns, Delivery.BACKFILLED)
