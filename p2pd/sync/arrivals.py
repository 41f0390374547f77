"""Messages that synchronisation brings: checked as if they came over GossipSub.

Called by the sessions. A message that no honest peer would send ends the
session; one that is merely too old is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from p2pd.domain.items import Item, item_digest
from p2pd.domain.messages import is_displaced
from p2pd.domain.names import PeerId
from p2pd.domain.rejections import MessageRefusedError, RejectionReason, Rejections
from p2pd.domain.verdicts import MessageReceiver, Verdict
from p2pd.sync.errors import SyncAbuseError, SyncUnstoredError
from p2pd.sync.ports import AuthoredMessage, MessageReader
from p2pd.sync.scope import Scope

MAX_AT_ONCE = 64
"""Messages verified and appended before others have their turn: some 5 ms."""


class Arrivals:
    """Verify messages and hand them on.

    Args:
        receiver: Validates and stores, as for gossip.
        reader: Parses and verifies, as for gossip.
        clock_ns: The node's clock.
    """

    def __init__(
        self,
        receiver: MessageReceiver,
        reader: MessageReader,
        rejections: Rejections,
        clock_ns: Callable[[], int],
    ) -> None:
        self._receiver = receiver
        self._rejections = rejections
        self._clock_ns = clock_ns
        self._reader = reader

    async def accept(
        self,
        scope: Scope,
        forwarder_id: PeerId,
        signed: Sequence[bytes],
        wanted: set[Item] | None,
    ) -> int:
        """Take the messages of one frame.

        Args:
            wanted: What was asked for and has not come; what comes is taken out.
                None where the peer gives unasked.

        Returns:
            How many were new.

        Raises:
            SyncUnstoredError: What came cannot be stored now; a later session fetches it.
            SyncAbuseError: One is forged, malformed, of another room or not wanted.
        """
        fresh = 0
        for at in range(0, len(signed), MAX_AT_ONCE):
            wires = [self._check(scope, one, wanted) for one in signed[at : at + MAX_AT_ONCE]]
            now_ns = self._clock_ns()
            messages = [
                self._reader.message(wire, forwarder_id, now_ns)
                for wire in wires
                if wire is not None
            ]
            if messages:
                verdicts = await self._receiver.receive_messages(messages)
                fresh += verdicts.count(Verdict.STORED)
                if Verdict.NOT_STORED in verdicts:
                    raise SyncUnstoredError
            await trio.lowlevel.checkpoint()
        return fresh

    def _check(
        self, scope: Scope, signed: bytes, wanted: set[Item] | None
    ) -> AuthoredMessage | None:
        try:
            wire: AuthoredMessage = self._reader.parse(signed)
            if wire.topic != scope.room:
                raise SyncAbuseError(RejectionReason.SYNC_MESSAGE_OF_ANOTHER_ROOM)
            item = Item(wire.seqno, item_digest(wire.wire_id))
            if wanted is None and scope.begin <= item < scope.unasked_floor:
                self._rejections.count(RejectionReason.SYNC_MESSAGE_TOO_OLD)
                return None
            if wanted is not None and item not in wanted:
                raise SyncAbuseError(RejectionReason.SYNC_MESSAGE_UNWANTED)
            self._reader.verify(wire)
            if wanted is not None:
                wanted.discard(item)
            if scope.is_displaced and not is_displaced(wire.seqno, self._clock_ns()):
                # A clock that differs; what has a credible time comes in other sessions.
                self._rejections.count(RejectionReason.SYNC_MESSAGE_NOT_DISPLACED)
                return None
        except MessageRefusedError as error:
            raise SyncAbuseError(RejectionReason(f"sync_{error.reason}")) from error
        return wire
