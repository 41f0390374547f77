"""What becomes of a message that a peer sends: taken once, if it is good. Used by the service."""

from __future__ import annotations

from collections.abc import Container

from p2pd.net.pubsub.author_rates import AuthorRates
from p2pd.net.pubsub.messages import (
    MessageRefusedError,
    MessageVerifier,
    WireMessage,
    message_from_bytes,
)
from p2pd.net.pubsub.seen import SeenIds


class MessageIntake:
    """The rules in their order, the cheap ones first.

    Args:
        own_author: The bytes of this node's peer id.
        topics: The joined topics, as they are at each moment.
    """

    def __init__(
        self, own_author: bytes, topics: Container[str], seen: SeenIds, rates: AuthorRates
    ) -> None:
        self._own_author = own_author
        self._topics = topics
        self._seen = seen
        self._rates = rates
        self._verifier = MessageVerifier()

    def take(self, signed_bytes: bytes) -> WireMessage | None:
        """Return the message, or None where it was here before or is our own.

        Only what passed every rule is marked seen, so that a forgery cannot keep
        out the message whose id it bears.

        Raises:
            MessageRefusedError: It breaks a rule.
        """
        message = message_from_bytes(signed_bytes)
        if self._seen.has(message.wire_id) or message.author == self._own_author:
            return None
        if message.topic not in self._topics:
            raise MessageRefusedError("message_topic_not_joined")
        self._verifier.verify(message)
        if not self._rates.allow(message.author):
            raise MessageRefusedError("author_rate")
        self._seen.add(message.wire_id)
        return message
