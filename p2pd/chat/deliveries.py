"""Which peers have our own messages: handed to, and known to hold.

A peer of this kind acknowledges what it has stored to the author where it is connected
to it, in batches, by an IHAVE of GossipSub, which all other peers may ignore. What nobody
acknowledged, because the author was away, comparisons of synchronisation show
(``equal_peers``). Peers that do not synchronise are never said to hold anything: what
they announce, they have in memory at most.

Called in the trio thread: by the log, the network, synchronisation and the API.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Never

import structlog
import trio

from p2pd.chat.equal_peers import EqualPeers, Mark
from p2pd.chat.membership import Membership
from p2pd.domain.deliveries import DeliveryState, MessageState
from p2pd.domain.events import MessageDelivery
from p2pd.domain.messages import Message
from p2pd.domain.names import MessageId, PeerId, RoomName
from p2pd.domain.records import Conversation
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.errors import ChatError, MessageUnknownError, RoomNotJoinedError
from p2pd.log.log import Log
from p2pd.store.entry_store import EntryStore
from p2pd.store.message_store import Stored
from p2pd.store.reads import run_read

MAX_RECENT = 1024
"""Own messages whose recipients are in memory; of older ones comparisons say enough."""
MAX_PENDING = 8192
"""Messages to acknowledge at once; what is more, the next comparison shows."""
MAX_EVENTS_AT_ONCE = 25
"""Own messages reported at a time, the newest first."""
INTERVAL_S = 0.25
LONGEST_INTERVAL_S = 2.0
PEERS_AN_INTERVAL = 8
"""With more peers connected, acknowledgements and events wait longer for one another."""
SAVE_INTERVAL_S = 5.0

log_line = structlog.get_logger(__name__)


Announce = Callable[[PeerId, RoomName, Sequence[bytes]], None]
"""Announces to a peer that messages are stored here."""


@dataclass(slots=True)
class _OwnMessage:
    """What is known of one of our own messages; ``offset`` 0 where it was stored before."""

    conversation: Conversation
    seqno: int = 0
    offset: int = 0
    handed_to: dict[PeerId, None] = field(default_factory=dict)
    held_by: dict[PeerId, None] = field(default_factory=dict)


class Deliveries:
    """The recent ones of our own messages, and what is to be acknowledged to others.

    Args:
        author_bytes: What the ids of our own messages begin with.
        store: Where it is remembered which peers have what.

    Attributes:
        synchronises: Returns whether a connected peer is of this kind.
        acknowledged_until: Returns the sequence number up to which a peer has
            acknowledged our direct messages.
    """

    def __init__(
        self,
        log: Log,
        membership: Membership,
        author_bytes: bytes,
        store: EntryStore,
        rejections: Rejections,
    ) -> None:
        self._log = log
        self._membership = membership
        self._author = author_bytes.hex()
        self._rejections = rejections
        self.synchronises: Callable[[PeerId], bool] = lambda _: False
        self.acknowledged_until: Callable[[PeerId], int] = lambda _: 0
        self._recent: OrderedDict[MessageId, _OwnMessage] = OrderedDict()
        self._changed: dict[MessageId, None] = {}
        self._pending: dict[tuple[PeerId, RoomName], list[bytes]] = defaultdict(list)
        self._pending_count = 0
        self._equal = EqualPeers(store, lambda: log.store.epoch)
        self._wake = trio.Event()
        log.on_stored.append(self.messages_stored)

    def messages_stored(self, stored: Sequence[Stored]) -> None:
        """Remember our own messages, and to acknowledge those of connected peers."""
        for one in stored:
            message = one.message
            if message.message_id.startswith(self._author):
                self._remember(message, one.offset)
            elif message.peer_id is None and message.author_id in self._log.state.peers:
                self._acknowledge_soon(message)

    def handed(self, room: RoomName, message_id: MessageId, peers: Iterable[PeerId]) -> None:
        """Record to which peers one of our own messages was handed."""
        own = self._recent.get(message_id)
        if own is None:
            own = self._recent[message_id] = _OwnMessage(room)
            self._evict()
        own.handed_to.update(dict.fromkeys(peers))
        self._report_soon(message_id)

    def announced(self, peer_id: PeerId, message_ids: Iterable[MessageId]) -> None:
        """Record that a peer has announced messages of ours."""
        if not self.synchronises(peer_id):
            return
        for message_id in message_ids:
            own = self._recent.get(message_id)
            if own is not None and peer_id not in own.held_by:
                own.held_by[peer_id] = None
                self._report_soon(message_id)

    def acknowledged(self, peer_id: PeerId, message_ids: Sequence[MessageId]) -> None:
        """Record that a peer has acknowledged direct messages of ours."""
        for message_id in message_ids:
            own = self._recent.get(message_id)
            if own is not None:
                own.handed_to[peer_id] = own.held_by[peer_id] = None
                self._report_soon(message_id)

    def compared(self, peer_id: PeerId, room: RoomName, seqno: int, until: int) -> None:
        """Record that a peer has all of ours from a sequence number on, up to an offset."""
        self._equal.equal(peer_id, room, Mark(seqno, until))
        for message_id, own in self._recent.items():
            is_compared = (
                own.conversation == room and own.seqno >= seqno and 0 < own.offset <= until
            )
            if is_compared and peer_id not in own.held_by:
                own.held_by[peer_id] = None
                self._report_soon(message_id)

    def room_left(self, room: RoomName) -> None:
        """Forget who has what of a room."""
        self._equal.forget_room(room)
        for message_id in [each for each, own in self._recent.items() if own.conversation == room]:
            del self._recent[message_id]
            self._changed.pop(message_id, None)

    async def message(self, message_id: MessageId) -> MessageState:
        """Return a stored message, and who has it.

        Raises:
            MessageUnknownError: No such message is stored.
            RoomNotJoinedError: Its room is not joined.
            StorageFailedError: The store cannot be read.
        """
        found = await run_read(self._log.store.reads, lambda: self._read(message_id))
        if found is None or self._log.hides(found.message):
            raise MessageUnknownError(message_id)
        message, event = found.message, self._log.entry(found.message, found.offset).event
        if message.peer_id is None and message.room not in self._membership:
            raise RoomNotJoinedError(message.room, "message_id")
        if not message_id.startswith(self._author):
            return MessageState(event)
        own = self._recent.get(message_id) or _OwnMessage(message.conversation)
        held_by = tuple(dict.fromkeys((*own.held_by, *self._known_holders(found))))
        state = self._state(message, bool(held_by), bool(own.handed_to))
        return MessageState(event, state, tuple(own.handed_to), held_by)

    async def run(self, announce: Announce) -> Never:
        """Acknowledge, report and store in intervals; ends by cancellation."""
        saved_s = trio.current_time()
        while True:
            await self._wake.wait()
            await trio.sleep(self._interval_s())
            self._wake = trio.Event()
            self._acknowledge(announce)
            self._report()
            if trio.current_time() - saved_s >= SAVE_INTERVAL_S:
                saved_s = trio.current_time()
                self.save()

    def save(self) -> None:
        """Store which peers have what; what cannot be stored is stored later."""
        try:
            self._equal.save()
        except ChatError as error:
            log_line.warning("deliveries not saved", error=str(error))

    def _read(self, message_id: MessageId) -> Stored | None:
        offset = self._log.store.offset_of(message_id)
        found = () if offset is None else self._log.store.read(offset - 1, offset, 1)
        return found[0] if found else None

    def _known_holders(self, found: Stored) -> Sequence[PeerId]:
        """Return who has a message by what is remembered over restarts."""
        message = found.message
        if message.peer_id is None:
            return self._equal.holders(message.room, message.seqno, found.offset)
        is_held = self.acknowledged_until(message.peer_id) >= message.seqno
        return [message.peer_id] if is_held else []

    def _state(self, message: Message, is_held: bool, is_handed: bool) -> DeliveryState:
        if is_held:
            return DeliveryState.HELD
        record = self._membership.record(message.room)
        was_handed = record is not None and record.sent_until >= message.seqno
        return DeliveryState.HANDED if is_handed or was_handed else DeliveryState.WAITING

    def _remember(self, message: Message, offset: int) -> None:
        self._recent[message.message_id] = _OwnMessage(message.conversation, message.seqno, offset)
        self._evict()

    def _evict(self) -> None:
        if len(self._recent) > MAX_RECENT:
            message_id, _ = self._recent.popitem(last=False)
            self._changed.pop(message_id, None)

    def _acknowledge_soon(self, message: Message) -> None:
        if self._pending_count >= MAX_PENDING:
            self._rejections.count(RejectionReason.ACKNOWLEDGEMENTS_OVER_LIMIT)
            return
        self._pending_count += 1
        pending = self._pending[message.author_id, message.room]
        pending.append(bytes.fromhex(message.message_id))
        self._wake.set()

    def _report_soon(self, message_id: MessageId) -> None:
        self._changed[message_id] = None
        self._wake.set()

    def _acknowledge(self, announce: Announce) -> None:
        pending, self._pending, self._pending_count = self._pending, defaultdict(list), 0
        for (peer_id, room), message_ids in pending.items():
            if self.synchronises(peer_id):
                announce(peer_id, room, message_ids)

    def _report(self) -> None:
        """Emit what has changed, the newest first; the others when it is their turn."""
        for _ in range(min(MAX_EVENTS_AT_ONCE, len(self._changed))):
            message_id, _ = self._changed.popitem()
            own = self._recent[message_id]
            self._log.emit(
                MessageDelivery(
                    message_id, own.conversation, tuple(own.handed_to), tuple(own.held_by)
                )
            )
        if self._changed:
            self._wake.set()

    def _interval_s(self) -> float:
        share = len(self._log.state.peers) / PEERS_AN_INTERVAL
        return min(LONGEST_INTERVAL_S, INTERVAL_S * max(1.0, share))
