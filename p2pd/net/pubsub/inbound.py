"""The way of a message in: decode, verify, validate and store, mark seen, relay.

The pubsub service gives each read of a stream to the one ``InboundPipeline``.
Only what is stored is relayed; what could not be stored is not marked seen, so
that a later copy of it is accepted. A message that synchronisation brought first is
relayed as well while it is recent: peers that do not synchronise wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import assert_never

import structlog
from libp2p.peer.id import ID

from p2pd.domain.rejections import MessageRefusedError, RejectionReason, Rejections
from p2pd.domain.verdicts import Verdict
from p2pd.net.pubsub.intake import MessageIntake
from p2pd.net.pubsub.mesh_state import MeshState
from p2pd.net.pubsub.messages import WireMessage
from p2pd.net.pubsub.ports import WireReceiver
from p2pd.net.pubsub.recent_messages import RecentMessage

log = structlog.get_logger(__name__)


#: By its author's clock; an old message that is sent again stays here.
RECENT_NS = 30 * 10**9


class InboundPipeline:
    """One for all streams, so that copies from two peers are stored and relayed once.

    Args:
        relay: Caches a message and queues it for the mesh.
        receive_copy: Handles that a peer sent what was relayed before.
        request_unstored: Asks peers for what could not be stored.
    """

    def __init__(
        self,
        intake: MessageIntake,
        receiver: WireReceiver,
        state: MeshState,
        relay: Callable[[WireMessage, ID], None],
        receive_copy: Callable[[RecentMessage, ID], None],
        request_unstored: Callable[[], None],
        rejections: Rejections,
        clock_ns: Callable[[], int],
    ) -> None:
        self._intake = intake
        self._receiver = receiver
        self._state = state
        self._relay = relay
        self._receive_copy = receive_copy
        self._request_unstored = request_unstored
        self._rejections = rejections
        self._clock_ns = clock_ns

    async def receive(self, published: Sequence[bytes], forwarder: ID) -> int:
        """Process a batch of messages; return how many were forged.

        Cancellation: messages without a verdict are not marked seen.
        """
        forged = 0
        checked: list[WireMessage] = []
        try:
            for signed_bytes in published:
                copy = self._state.recent.find_copy(signed_bytes)
                if copy is not None:
                    self._receive_copy(copy, forwarder)
                    continue
                try:
                    message = self._intake.check(signed_bytes)
                except MessageRefusedError as refusal:
                    self._rejections.count(refusal.reason)
                    forged += refusal.is_forgery
                    continue
                if message is not None:
                    checked.append(message)
                    self._state.awaiting.add(message.wire_id)
            if checked:
                await self._store(checked, forwarder)
        finally:
            self._state.awaiting.difference_update([message.wire_id for message in checked])
        return forged

    async def _store(self, messages: list[WireMessage], forwarder: ID) -> None:
        """Ask for the verdicts and act on them."""
        try:
            verdicts = await self._receiver.receive_wire_messages(messages, forwarder)
        # Boundary: the network goes on when the application fails on a batch.
        except Exception:
            self._rejections.count(RejectionReason.RECEIVER_FAILED, len(messages))
            log.exception("receiver failed", messages=len(messages))
            verdicts = [Verdict.NOT_STORED] * len(messages)
        for message, verdict in zip(messages, verdicts, strict=True):
            self._follow(verdict, message, forwarder)

    def _follow(self, verdict: Verdict, message: WireMessage, forwarder: ID) -> None:
        wire_id = message.wire_id
        match verdict:
            case Verdict.STORED:
                self._state.seen.add(wire_id)
                self._relay(message, forwarder)
                if self._state.unstored.mark_stored(wire_id):
                    self._request_unstored()
            case Verdict.NOT_STORED:
                self._state.unstored.add(wire_id, forwarder)
            case Verdict.KNOWN:
                self._state.seen.add(wire_id)
                self._state.unstored.discard(wire_id)
                if abs(self._clock_ns() - message.seqno) <= RECENT_NS:
                    self._relay(message, forwarder)
            case Verdict.REFUSED:
                self._state.seen.add(wire_id)
                self._state.unstored.discard(wire_id)
            case _:
                assert_never(verdict)
