"""Our own direct messages that their recipients have not acknowledged yet.

They lie in the log like all others. A number a conversation says up to where they were
acknowledged (``DirectConversations.acknowledged_until``); what is above it is delivered,
in order, for as long as it is stored: when it is written, when the peer connects, and
with backoff, for which the peer is looked for. After a kill some may be delivered twice;
a peer of this kind knows them by their id.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Never, Protocol

import structlog
import trio

from common.backoff import Backoff
from p2pd.chat.direct_conversations import DirectConversations
from p2pd.domain.directs import DirectVerdict
from p2pd.domain.names import MessageId, PeerId
from p2pd.domain.records import Direct
from p2pd.net.direct import SignedDirect
from p2pd.net.direct.records import signed_from_record
from p2pd.store.message_store import NO_MESSAGE, MessageStore, OrderKey
from p2pd.tasks import attempt
from p2pd.workers import WORKER_THREADS, Workers

SENT_AT_ONCE = 64
MAX_IN_MEMORY = 256
"""Of a peer; more are read from the store when their turn comes."""
FIRST_DELAY_S = 1.0
LONGEST_DELAY_S = 300.0
SEARCHES_AT_ONCE = 8
READS_AT_ONCE = 4

log_line = structlog.get_logger(__name__)

OnAcknowledged = Callable[[PeerId, Sequence[MessageId]], None]


class DirectNetwork(Protocol):
    """The network as this outbox needs it."""

    def is_connected(self, peer_id: PeerId) -> bool:
        """Return whether there is a connection to a peer."""

    async def find(self, peer_id: PeerId) -> bool:
        """Look for a peer and dial it; True where it is connected."""

    async def deliver(
        self, peer_id: PeerId, messages: Sequence[SignedDirect]
    ) -> Sequence[DirectVerdict]:
        """Deliver messages; returns verdicts of the first of them, raises ConnectionError."""


@dataclass(slots=True)
class _PeerOutbox:
    """What waits for one peer.

    Attributes:
        waiting: The messages to deliver next, in order.
        is_whole: Whether they are all there are.
        submitted: How many were submitted, so that a read of the store knows whether it
            has missed one.
    """

    waiting: deque[SignedDirect] = field(default_factory=deque)
    is_whole: bool = False
    submitted: int = 0
    woken: trio.Event = field(default_factory=trio.Event)
    backoff: Backoff = field(default_factory=lambda: Backoff(FIRST_DELAY_S, LONGEST_DELAY_S))

    def add(self, message: SignedDirect) -> None:
        """Have a new message delivered."""
        self.submitted += 1
        if len(self.waiting) >= MAX_IN_MEMORY:
            self.is_whole = False
        if self.is_whole:
            self.waiting.append(message)

    def acknowledged(self, seqno: int) -> None:
        """Drop what was delivered."""
        while self.waiting and self.waiting[0].seqno <= seqno:
            self.waiting.popleft()


class DirectOutbox:
    """What waits for each peer; a task for each that something waits for.

    Args:
        author_bytes: What the ids of our own messages begin with.
        workers: Where the log is read.

    Attributes:
        on_acknowledged: Called with what a peer has acknowledged; must not raise.
    """

    def __init__(
        self,
        conversations: DirectConversations,
        store: MessageStore,
        author_bytes: bytes,
        workers: Workers = WORKER_THREADS,
    ) -> None:
        self.on_acknowledged: list[OnAcknowledged] = []
        self._conversations = conversations
        self._store = store
        self._author = author_bytes.hex()
        self._workers = workers
        self._peers: dict[PeerId, _PeerOutbox] = {}
        self._idle: set[PeerId] = set()
        """Peers for which nothing waits in the store; no more than there are conversations."""
        self._begun: deque[PeerId] = deque()
        self._has_begun = trio.Event()
        self._searches = trio.CapacityLimiter(SEARCHES_AT_ONCE)
        self._reads = trio.CapacityLimiter(READS_AT_ONCE)

    def __len__(self) -> int:
        """How many peers something may wait for."""
        return len(self._peers)

    def submit(self, message: SignedDirect) -> None:
        """Deliver a message that is in the log, behind those before it."""
        own = self._peers.get(message.peer_id)
        if own is None:
            own = self._begin(message.peer_id)
        own.add(message)
        own.woken.set()

    def peer_connected(self, peer_id: PeerId) -> None:
        """Deliver at once what waits for a peer."""
        own = self._peers.get(peer_id)
        if own is not None:
            own.backoff.reset()
            own.woken.set()

    async def run(self, network: DirectNetwork) -> Never:
        """Deliver what waits, to each peer for itself.

        Cancellation: what was not acknowledged waits.
        """
        for peer_id in self._conversations.accepted:
            if peer_id not in self._peers:
                self._begin(peer_id)
        async with trio.open_nursery() as nursery:
            while True:
                await self._has_begun.wait()
                self._has_begun = trio.Event()
                while self._begun:
                    peer_id = self._begun.popleft()
                    serve = partial(self._serve, peer_id, network)
                    nursery.start_soon(attempt, "direct outbox", serve)

    def _begin(self, peer_id: PeerId) -> _PeerOutbox:
        own = self._peers[peer_id] = _PeerOutbox(is_whole=peer_id in self._idle)
        self._idle.discard(peer_id)
        self._begun.append(peer_id)
        self._has_begun.set()
        return own

    async def _serve(self, peer_id: PeerId, network: DirectNetwork) -> None:
        """Deliver to one peer until nothing waits for it."""
        own = self._peers[peer_id]
        try:
            while batch := await self._next(peer_id, own):
                woken = own.woken
                delay_s = await self._deliver(peer_id, own, batch, network)
                if delay_s:
                    with trio.move_on_after(delay_s):
                        await woken.wait()
                own.woken = trio.Event()
            self._idle.add(peer_id)
        finally:
            del self._peers[peer_id]

    async def _next(self, peer_id: PeerId, own: _PeerOutbox) -> Sequence[SignedDirect]:
        """Return what to deliver next; nothing only where nothing waits."""
        while not own.waiting and not own.is_whole:
            submitted = own.submitted
            read = partial(self._own_after, peer_id)
            found = await self._workers.run(read, limiter=self._reads)
            if found:
                return found
            own.is_whole = own.submitted == submitted
        return list(islice(own.waiting, SENT_AT_ONCE))

    async def _deliver(
        self,
        peer_id: PeerId,
        own: _PeerOutbox,
        batch: Sequence[SignedDirect],
        network: DirectNetwork,
    ) -> float:
        """Deliver a batch; return the seconds to wait before the next attempt."""
        try:
            if not network.is_connected(peer_id):
                async with self._searches:
                    if not await network.find(peer_id):
                        return own.backoff.next_delay_s()
            verdicts = await network.deliver(peer_id, batch)
        except ConnectionError as error:
            log_line.debug("not delivered", peer_id=peer_id, error=str(error))
            return own.backoff.next_delay_s()
        done = self._acknowledge(peer_id, own, batch, verdicts)
        if done < len(verdicts):
            is_declined = verdicts[done] is DirectVerdict.DECLINED
            return LONGEST_DELAY_S if is_declined else own.backoff.next_delay_s()
        own.backoff.reset()
        return 0.0

    def _acknowledge(
        self,
        peer_id: PeerId,
        own: _PeerOutbox,
        batch: Sequence[SignedDirect],
        verdicts: Sequence[DirectVerdict],
    ) -> int:
        """Record what a peer has, in order; return how many of the batch need no delivery."""
        stored: list[MessageId] = []
        done = 0
        for message, verdict in zip(batch, verdicts, strict=False):
            if verdict is DirectVerdict.STORED:
                stored.append(message.message_id)
            elif verdict is DirectVerdict.INVALID:
                log_line.warning("direct message refused for good", peer_id=peer_id)
            else:
                break
            done += 1
        if done:
            seqno = batch[done - 1].seqno
            own.acknowledged(seqno)
            self._conversations.acknowledge(peer_id, seqno)
        if stored:
            for report in self.on_acknowledged:
                report(peer_id, stored)
        return done

    def _own_after(self, peer_id: PeerId) -> list[SignedDirect]:
        """Read our own messages that are not acknowledged, lowest first, some of them."""
        after = self._conversations.acknowledged_until(peer_id)
        conversation = Direct(peer_id)
        items = self._store.items(conversation, OrderKey(after + 1, NO_MESSAGE))
        own = (one.message_id for one in items if one.message_id.startswith(self._author))
        ids = list(islice(own, SENT_AT_ONCE))
        signed = self._store.signed_bytes(conversation, ids)
        return [signed_from_record(signed[one]) for one in ids if one in signed]
