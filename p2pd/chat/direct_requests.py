"""Direct messages of peers that this node has never met: they wait until they are accepted.

They are no part of the log: no reader, page or search sees them before. The one writer of
both kinds of entries in the store. Called in the trio thread.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from p2pd.chat.direct_conversations import DirectConversations
from p2pd.domain.directs import DirectRequest, DirectVerdict
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.errors import InvalidInputError, StorageFailedError, StorageFullError
from p2pd.log.log import Log
from p2pd.net.direct.waiting import bytes_from_waiting, waiting_from_bytes
from p2pd.store.entry_store import EntryKind, EntryStore

MAX_PEERS = 64
MAX_MESSAGES_A_PEER = 32
MAX_BYTES_A_PEER = 64 << 10
"""Of what a peer sent, records included."""
EVICTED_AFTER_NS = 24 * 3600 * 10**9
"""Before that, a full list refuses newcomers: a flood pushes nobody out."""
MAX_DECLINED = 1_024
"""For one more, the peer declined longest ago may ask again."""


class DirectRequests:
    """What waits for consent, by peer, and which peers are declined.

    Args:
        clock_ns: The node's clock, nanoseconds since the epoch.
    """

    def __init__(
        self,
        log: Log,
        store: EntryStore,
        conversations: DirectConversations,
        rejections: Rejections,
        clock_ns: Callable[[], int],
    ) -> None:
        self._log = log
        self._store = store
        self._conversations = conversations
        self._rejections = rejections
        self._clock_ns = clock_ns
        self._waiting: dict[PeerId, dict[MessageId, Message]] = {}
        for stored in store.entries(EntryKind.DIRECT_REQUEST).values():
            message = waiting_from_bytes(stored)
            if message is not None:
                self._waiting.setdefault(message.author_id, {})[message.message_id] = message
        self._declined = dict.fromkeys(map(PeerId, store.entries(EntryKind.DIRECT_DECLINED)))
        conversations.on_accepted.append(self.release)

    @property
    def waiting(self) -> tuple[DirectRequest, ...]:
        """What waits, by peer id; each peer's messages in the order in which they came."""
        return tuple(
            DirectRequest(peer_id, tuple(self._waiting[peer_id].values()))
            for peer_id in sorted(self._waiting)
        )

    def is_declined(self, peer_id: PeerId) -> bool:
        """Return whether direct messages of a peer are declined; writing to it ends that."""
        return peer_id in self._declined and not self._conversations.is_accepted(peer_id)

    def add(self, peer_id: PeerId, messages: Sequence[Message]) -> list[DirectVerdict]:
        """Have messages of a peer wait for consent; a repeated one waits once."""
        return [self._add_one(peer_id, message) for message in messages]

    def release(self, peer_id: PeerId) -> None:
        """Append what waits of a peer to the log: it is met now.

        Raises:
            StorageFullError: There is no room; it goes on waiting.
            StorageFailedError: The disk refuses; it goes on waiting.
        """
        messages = tuple(self._waiting.get(peer_id, {}).values())
        if messages:
            self._log.append(messages)
            self._remove(peer_id)
        self._forget_declined(peer_id)

    async def accept(self, peer_id: PeerId) -> int:
        """Accept the conversation with a peer, and append what waits; return how much it was.

        Raises:
            InvalidInputError: Nothing of this peer waits.
            ChatError: It cannot be accepted; it goes on waiting.
        """
        self._check_waiting(peer_id)
        count = len(self._waiting[peer_id])
        self._conversations.accept(peer_id)
        self.release(peer_id)
        await self._store.wait_committed()
        return count

    async def decline(self, peer_id: PeerId) -> None:
        """Remove what waits of a peer, and want no more of it.

        Raises:
            InvalidInputError: Nothing of this peer waits.
            StorageFullError: There is no room to store it.
            StorageFailedError: The disk refuses.
        """
        self._check_waiting(peer_id)
        self._store.save_entry(EntryKind.DIRECT_DECLINED, peer_id, b"")
        self._declined[peer_id] = None
        while len(self._declined) > MAX_DECLINED:
            self._forget_declined(next(iter(self._declined)))
        self._remove(peer_id)
        await self._store.wait_committed()

    def _add_one(self, peer_id: PeerId, message: Message) -> DirectVerdict:
        known = self._waiting.get(peer_id, {})
        if message.message_id in known:
            return DirectVerdict.STORED
        if not self._has_room(peer_id, message):
            self._rejections.count(RejectionReason.DIRECT_REQUESTS_OVER_LIMIT)
            return DirectVerdict.BUSY
        try:
            entry = bytes_from_waiting(message)
            self._store.save_entry(EntryKind.DIRECT_REQUEST, message.message_id, entry)
        except (StorageFullError, StorageFailedError):
            return DirectVerdict.BUSY
        self._waiting.setdefault(peer_id, {})[message.message_id] = message
        return DirectVerdict.STORED

    def _has_room(self, peer_id: PeerId, message: Message) -> bool:
        known = self._waiting.get(peer_id)
        if known is None:
            return len(self._waiting) < MAX_PEERS or self._evict_oldest()
        size_bytes = sum(len(one.signed_bytes) for one in (*known.values(), message))
        return len(known) < MAX_MESSAGES_A_PEER and size_bytes <= MAX_BYTES_A_PEER

    def _evict_oldest(self) -> bool:
        """Remove the peer whose newest message has waited longest, if that is a day."""
        newest = {
            peer_id: max(one.receive_time_ns for one in messages.values())
            for peer_id, messages in self._waiting.items()
        }
        oldest = min(newest, key=newest.__getitem__)
        if newest[oldest] > self._clock_ns() - EVICTED_AFTER_NS:
            return False
        self._rejections.count(RejectionReason.DIRECT_REQUESTS_EVICTED, len(self._waiting[oldest]))
        self._remove(oldest)
        return True

    def _check_waiting(self, peer_id: PeerId) -> None:
        if peer_id not in self._waiting:
            raise InvalidInputError("peer_id", "NO_REQUEST", "nothing of this peer waits")

    def _remove(self, peer_id: PeerId) -> None:
        for message_id in list(self._waiting.get(peer_id, {})):
            self._store.save_entry(EntryKind.DIRECT_REQUEST, message_id, None)
        self._waiting.pop(peer_id, None)

    def _forget_declined(self, peer_id: PeerId) -> None:
        if peer_id in self._declined:
            self._store.save_entry(EntryKind.DIRECT_DECLINED, peer_id, None)
            del self._declined[peer_id]
