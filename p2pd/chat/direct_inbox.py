"""Direct messages of others on their way into the log.

The network verifies them and gives them here. Those of peers that this node has met go
the way of all messages, through the rules of ``Inbox``; what the log has already is
acknowledged again. Those of all others wait for consent (``direct_requests``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from common.rates import KeyedRates
from p2pd.chat.direct_requests import DirectRequests
from p2pd.chat.inbox import Inbox
from p2pd.domain.directs import DirectVerdict
from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.domain.verdicts import Verdict
from p2pd.log.log import Log
from p2pd.store.entry_store import EntryStore

MET_RATE_PER_S = 200.0
MET_BURST = 2_000
UNMET_RATE_PER_S = 0.5
UNMET_BURST = 20
MAX_PEERS = 4_096
"""With a rate of their own."""

_VERDICTS = {
    Verdict.STORED: DirectVerdict.STORED,
    Verdict.KNOWN: DirectVerdict.STORED,
    Verdict.REFUSED: DirectVerdict.DECLINED,
    Verdict.NOT_STORED: DirectVerdict.BUSY,
}


class DirectInbox:
    """A ``DirectReceiver``; called in the trio thread.

    Args:
        requests: Where messages of peers that it has not met wait.
        is_met: Whether this node has met a peer: shares a room with it, was told its
            address by a caller, or has accepted its conversation.
    """

    def __init__(
        self,
        log: Log,
        inbox: Inbox,
        requests: DirectRequests,
        entries: EntryStore,
        is_met: Callable[[PeerId], bool],
        is_blocked: Callable[[PeerId], bool],
        rejections: Rejections,
    ) -> None:
        self._requests = requests
        self._entries = entries
        self._is_blocked = is_blocked
        self._log = log
        self._inbox = inbox
        self._is_met = is_met
        self._rejections = rejections
        self._rates: KeyedRates[PeerId] = KeyedRates(MET_RATE_PER_S, MET_BURST, MAX_PEERS)
        self._unmet_rates: KeyedRates[PeerId] = KeyedRates(UNMET_RATE_PER_S, UNMET_BURST, MAX_PEERS)

    def admit(self, peer_id: PeerId, count: int) -> bool:
        """Return whether a peer may send so many messages now."""
        rates = self._rates if self._is_met(peer_id) else self._unmet_rates
        now_s = trio.current_time()
        waits = [rates.consume(peer_id, now_s) for _ in range(count)]
        if any(waits):
            self._rejections.count(RejectionReason.DIRECT_RATE, count)
        return not any(waits)

    async def receive_direct(
        self, peer_id: PeerId, messages: Sequence[Message]
    ) -> Sequence[DirectVerdict]:
        """Store messages of a peer; those that are stored survive a power cut.

        Cancellation: what was not answered is sent again, and known then.
        """
        if self._is_blocked(peer_id) or self._requests.is_declined(peer_id):
            return [DirectVerdict.DECLINED] * len(messages)
        if not self._is_met(peer_id):
            return await self._request(peer_id, messages)
        self._requests.release(peer_id)
        verdicts = [_VERDICTS[one] for one in await self._inbox.receive_messages(messages)]
        if DirectVerdict.STORED in verdicts:
            await self._log.store.wait_durable(self._log.store.last_offset)
        return verdicts

    async def _request(
        self, peer_id: PeerId, messages: Sequence[Message]
    ) -> Sequence[DirectVerdict]:
        verdicts = self._requests.add(peer_id, messages)
        if DirectVerdict.STORED in verdicts:
            await self._entries.wait_committed()
        return verdicts
