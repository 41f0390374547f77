"""The use cases put together: those the network needs first, then those that need the network.

Called by ``p2pd.node`` and by tests of the API.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import trio

from p2pd.chat.blocks import Blocks
from p2pd.chat.conversations import Conversations
from p2pd.chat.courier import Couriers
from p2pd.chat.deliveries import Deliveries
from p2pd.chat.dialling import Dialling
from p2pd.chat.direct_conversations import DirectConversations
from p2pd.chat.direct_inbox import DirectInbox
from p2pd.chat.direct_outbox import DirectOutbox
from p2pd.chat.direct_requests import DirectRequests
from p2pd.chat.directory import Directory
from p2pd.chat.feed import Feed
from p2pd.chat.forgetting import Forgetting
from p2pd.chat.history import History
from p2pd.chat.inbox import Inbox
from p2pd.chat.invites import Invites
from p2pd.chat.known_peers import KnownPeerList
from p2pd.chat.meetings import Meetings
from p2pd.chat.membership import Membership, RoomDefaults
from p2pd.chat.outbox import Outbox
from p2pd.chat.presence import Presence
from p2pd.chat.profiles import Profiles, Sealer
from p2pd.chat.publisher import Publisher, PublishLimits
from p2pd.chat.read_state import ReadState
from p2pd.chat.search import Search
from p2pd.chat.shown import Shown
from p2pd.domain.names import RoomName
from p2pd.domain.records import Conversation
from p2pd.domain.rejections import Rejections
from p2pd.log.log import Log
from p2pd.net.network import Network
from p2pd.store.direct_store import DirectStore
from p2pd.store.entry_store import EntryStore
from p2pd.store.message_store import Dropped, IsMention, mentions_nobody
from p2pd.store.peer_store import PeerStore
from p2pd.store.room_store import RoomStore
from p2pd.store.search_index import SearchIndex
from p2pd.sync import PROTOCOL
from p2pd.tasks import run_guarded
from p2pd.workers import WORKER_THREADS, Workers


@dataclass(frozen=True, slots=True)
class ChatOptions:
    """What the settings say of the chat.

    Attributes:
        rooms: Joined at the start, unless a caller left them.
        history_ns: How much of the past of a room joined anew is fetched, in time.
        history_messages: And in messages.
        max_age_ns: What was sent longer ago is not fetched: it is not stored either.
        workers: Where the log is read.
    """

    rooms: tuple[RoomName, ...]
    history_ns: int
    history_messages: int
    max_age_ns: int
    limits: PublishLimits
    clock_ns: Callable[[], int] = time.time_ns  # noqa: TID251
    workers: Workers = WORKER_THREADS


class NodeStore(RoomStore, PeerStore, EntryStore, DirectStore, Protocol):
    """Rooms, known peers, entries and conversations with peers, over restarts."""


class Receiving:
    """What the network reports to, and what it asks.

    Args:
        author_bytes: What the ids of our own messages begin with.
        sealer: Signs our profile.
        is_mention: Whether a message mentions this node.

    Raises:
        StorageFullError: There is no room to store that the configured rooms are joined.
        StorageFailedError: The disk refuses to store it.
    """

    def __init__(
        self,
        log: Log,
        memory: NodeStore,
        author_bytes: bytes,
        options: ChatOptions,
        rejections: Rejections,
        sealer: Sealer,
        is_mention: IsMention = mentions_nobody,
    ) -> None:
        self.membership = _membership_of(log, memory, author_bytes, options)
        self.known_peers = KnownPeerList(memory)
        self.conversations = DirectConversations(memory)
        self.direct_outbox = DirectOutbox(
            self.conversations, log.store, author_bytes, options.workers
        )
        self.outbox = Outbox(
            self.membership, log.store, author_bytes, self.direct_outbox.submit, options.workers
        )
        self.presence = Presence(log, self.outbox.room_filled, self.known_peers.peer_met)
        self.blocks = Blocks(log, memory, sealer.own_id)
        self.inbox = Inbox(log, rejections, is_blocked=self.blocks.is_blocked)
        self.profiles = Profiles(log, memory, sealer, rejections)
        self.read_state = ReadState(log, author_bytes, is_mention)
        self.shown = Shown(log, memory, self.blocks, self.membership.__contains__)
        is_met = Meetings(log, self.known_peers, self.conversations).is_met
        self.direct_requests = DirectRequests(
            log, memory, self.conversations, rejections, options.clock_ns
        )
        self.direct_inbox = DirectInbox(
            log,
            self.inbox,
            self.direct_requests,
            memory,
            is_met,
            self.blocks.is_blocked,
            rejections,
        )
        self.deliveries = Deliveries(log, self.membership, author_bytes, memory, rejections)
        self.history = History(
            self.membership, log, options.max_age_ns, options.history_messages, options.clock_ns
        )
        self._connect(log)
        sent = max(self.membership.highest_sent, self.conversations.highest_sent)
        self.first_seqno = max(log.store.max_seqno(author_bytes), sent)

    def _connect(self, log: Log) -> None:
        """Have the parts report to one another."""
        log.hides = self.shown.hides
        self.blocks.on_unblocked.append(lambda _: log.items.forget_unwanted())
        self.blocks.on_forgotten += [self.known_peers.forget, self.profiles.forget]
        self.presence.on_connected.append(self.direct_outbox.peer_connected)
        self.read_state.hidden = lambda: self.blocks.blocked
        self.deliveries.acknowledged_until = self.conversations.acknowledged_until
        self.direct_outbox.on_acknowledged.append(self.deliveries.acknowledged)
        self.membership.on_left += [
            self.presence.room_left,
            self.outbox.room_left,
            log.items.forget_room,
            self.shown.room_left,
            self.read_state.forget,
            self.deliveries.room_left,
        ]

    def messages_dropped(self, conversation: Conversation, dropped: Sequence[Dropped]) -> None:
        """Handle what retention removed."""
        self.history.messages_dropped(conversation, dropped)
        self.shown.messages_dropped(dropped)


@dataclass(frozen=True, slots=True)
class Chat:
    """What callers can ask of the node; ``p2pd.api`` names it by its own protocols."""

    publishing: Publisher
    membership: Membership
    directory: Directory
    dialling: Dialling
    feed: Feed
    inviting: Invites
    profiles: Profiles
    conversations: Conversations
    blocks: Blocks
    deliveries: Deliveries
    shown: Shown
    searching: Search
    requests: DirectRequests
    forgetting: Forgetting

    def stop(self) -> None:
        """Refuse what comes from now on; what is under way goes on."""
        self.publishing.stop()
        self.feed.stop()


def _membership_of(
    log: Log, memory: NodeStore, author_bytes: bytes, options: ChatOptions
) -> Membership:
    last_seqno = partial(log.store.max_seqno, author_bytes)
    defaults = RoomDefaults(options.history_ns, options.clock_ns, last_seqno)
    return Membership(memory, options.rooms, defaults)


def _publisher_of(
    log: Log, network: Network, receiving: Receiving, options: ChatOptions
) -> Publisher:
    courier = Couriers(
        network, network.direct, receiving.conversations, receiving.blocks.is_blocked
    )
    membership, outbox = receiving.membership, receiving.outbox
    return Publisher(log, courier, membership, outbox, options.limits, options.clock_ns)


async def start_chat(
    log: Log,
    network: Network,
    receiving: Receiving,
    options: ChatOptions,
    nursery: trio.Nursery,
    index: SearchIndex,
) -> Chat:
    """Subscribe to the joined rooms and start the tasks of the use cases."""
    membership = receiving.membership
    directory = Directory(log, network, membership, receiving.shown)
    for listeners in (membership.on_joined, membership.on_left):
        listeners.append(lambda _room: directory.emit_node_changed())
    await receiving.blocks.start(network)
    await membership.start(network)
    _start_sending(receiving, network, nursery)
    search = Search(log, index, membership.__contains__, options.workers)
    nursery.start_soon(run_guarded, "search index", search.run)
    nursery.start_soon(run_guarded, "inbox", receiving.inbox.run)
    nursery.start_soon(run_guarded, "membership", membership.run)
    nursery.start_soon(run_guarded, "known peers", receiving.known_peers.run)
    nursery.start_soon(run_guarded, "profiles", receiving.profiles.run)
    nursery.start_soon(run_guarded, "node changes", directory.run)
    publisher = _publisher_of(log, network, receiving, options)
    nursery.start_soon(run_guarded, "readers of slow publishes", publisher.run)
    dialling = Dialling(network, receiving.known_peers, directory, receiving.blocks)
    return Chat(
        publisher,
        membership,
        directory,
        dialling,
        Feed(log, membership),
        Invites(membership, directory, dialling),
        receiving.profiles,
        Conversations(log, membership, receiving.conversations, receiving.read_state),
        receiving.blocks,
        receiving.deliveries,
        receiving.shown,
        search,
        receiving.direct_requests,
        Forgetting(log, membership, search, options.workers),
    )


def _start_sending(receiving: Receiving, network: Network, nursery: trio.Nursery) -> None:
    """Start what sends our own messages, and what tells who has them."""
    send_waiting = partial(receiving.outbox.run, network.send_again)
    nursery.start_soon(run_guarded, "outbox", send_waiting)
    deliver = partial(receiving.direct_outbox.run, network.direct)
    nursery.start_soon(run_guarded, "direct outbox", deliver)
    deliveries, peers = receiving.deliveries, network.room_peers()
    deliveries.synchronises = lambda peer_id: peers.speaks(peer_id, PROTOCOL)
    network.report_deliveries(deliveries)
    acknowledge = partial(deliveries.run, network.announce)
    nursery.start_soon(run_guarded, "deliveries", acknowledge)
