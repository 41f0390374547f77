"""The way of a message in: decode, verify, validate and store, mark seen, relay.

The pubsub service gives each read of a stream to the one ``InboundPipeline``.
Only what the receiver stored is relayed; what it could not store is not marked
seen, so that a later copy of it is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog
from libp2p.peer.id import ID

from p2pd.domain.rejections import Rejections
from p2pd.domain.verdicts import Verdict
from p2pd.net.pubsub.intake import MessageIntake
from p2pd.net.pubsub.messages import MessageRefusedError, WireMessage
from p2pd.net.pubsub.seen import SeenIds

log = structlog.get_logger(__name__)


class WireReceiver(Protocol):
    """Validates and stores messages as they came."""

    async def receive_wire_messages(
        self, messages: Sequence[WireMessage], forwarder: ID
    ) -> Sequence[Verdict]:
        """Return one verdict a message, in order; an exception means none was stored."""


class InboundPipeline:
    """One for all streams, so that copies from two peers are stored and relayed once.

    Args:
        awaiting: Ids of messages whose verdict is awaited; only this object changes it.
        relay: Caches a message and queues it for the mesh.
    """

    def __init__(
        self,
        intake: MessageIntake,
        receiver: WireReceiver,
        seen: SeenIds,
        awaiting: set[bytes],
        relay: Callable[[WireMessage, ID], None],
        rejections: Rejections,
    ) -> None:
        self._intake = intake
        self._receiver = receiver
        self._seen = seen
        self._awaiting = awaiting
        self._relay = relay
        self._rejections = rejections

    async def receive(self, published: Sequence[bytes], forwarder: ID) -> int:
        """Process a batch of messages; return how many were forged.

        Cancellation: messages without a verdict are not marked seen.
        """
        forged = 0
        checked: list[WireMessage] = []
        try:
            for signed_bytes in published:
                try:
                    message = self._intake.check(signed_bytes)
                except MessageRefusedError as refusal:
                    self._rejections.count(refusal.reason)
                    forged += refusal.is_forgery
                    continue
                if message is not None:
                    checked.append(message)
                    self._awaiting.add(message.wire_id)
            if checked:
                await self._store(checked, forwarder)
        finally:
            self._awaiting.difference_update([message.wire_id for message in checked])
        return forged

    async def _store(self, messages: list[WireMessage], forwarder: ID) -> None:
        """Ask for the verdicts and act on them."""
        try:
            verdicts = await self._receiver.receive_wire_messages(messages, forwarder)
        # Boundary: the network goes on when the application fails on a batch.
        except Exception:
            self._rejections.count("receiver_failed", len(messages))
            log.exception("receiver failed", messages=len(messages))
            return
        for message, verdict in zip(messages, verdicts, strict=True):
            if verdict is Verdict.NOT_STORED:
                continue
            self._seen.add(message.wire_id)
            if verdict is Verdict.STORED:
                self._relay(message, forwarder)
