"""The rules that a message of a peer must pass before it is stored. Used by the pipeline."""

from __future__ import annotations

from collections.abc import Container

from p2pd.domain.rejections import RejectionReason
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
        awaiting: Ids of messages whose verdict is awaited.
    """

    def __init__(
        self,
        own_author: bytes,
        topics: Container[str],
        seen: SeenIds,
        awaiting: Container[bytes],
        rates: AuthorRates,
    ) -> None:
        self._own_author = own_author
        self._topics = topics
        self._seen = seen
        self._awaiting = awaiting
        self._rates = rates
        self._verifier = MessageVerifier()

    def check(self, signed_bytes: bytes) -> WireMessage | None:
        """Return the message, or None where it was received before or is our own.

        Nothing is marked seen here, so that a forgery cannot keep out the message
        whose id it bears.

        Raises:
            MessageRefusedError: It breaks a rule.
        """
        message = message_from_bytes(signed_bytes)
        wire_id = message.wire_id
        if self._seen.has(wire_id) or wire_id in self._awaiting:
            return None
        if message.author == self._own_author:
            return None
        if message.topic not in self._topics:
            raise MessageRefusedError(RejectionReason.MESSAGE_TOPIC_NOT_JOINED)
        self._verifier.verify(message)
        if not self._rates.allow(message.author):
            raise MessageRefusedError(RejectionReason.AUTHOR_RATE)
        return message
