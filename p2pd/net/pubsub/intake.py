"""The rules that a message of a peer must pass before it is stored. Used by the pipeline."""

from __future__ import annotations

from collections.abc import Container

from p2pd.domain.rejections import MessageRefusedError, RejectionReason
from p2pd.net.pubsub.author_rates import AuthorRates
from p2pd.net.pubsub.mesh_state import MeshState
from p2pd.net.pubsub.messages import (
    MessageVerifier,
    WireMessage,
    message_from_bytes,
)


class MessageIntake:
    """The rules in their order, the cheap ones first.

    Args:
        own_author: The bytes of this node's peer id.
        topics: The joined topics, as they are at each moment.
    """

    def __init__(
        self,
        own_author: bytes,
        topics: Container[str],
        state: MeshState,
        rates: AuthorRates,
    ) -> None:
        self._own_author = own_author
        self._topics = topics
        self._state = state
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
        if self._state.is_known(message.wire_id) or message.author == self._own_author:
            return None
        if message.topic not in self._topics:
            raise MessageRefusedError(RejectionReason.MESSAGE_TOPIC_NOT_JOINED)
        self._verifier.verify(message)
        if not self._rates.allow(message.author):
            raise MessageRefusedError(RejectionReason.AUTHOR_RATE)
        return message
