"""The parts of a node, nested by lifetime: store, network and chat, API.

``open_parts`` is called by ``composition``. Each part is opened inside the one
before and closed in reverse: the API first, so that nothing new is accepted, then
the network, then the store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
import trio

from p2pd.api.access import Access, access_from_settings
from p2pd.api.listen_address import is_local
from p2pd.api.ports import ChatPorts
from p2pd.api.server import Api, open_api
from p2pd.api.settings import ApiSettings
from p2pd.chat.assembly import Chat, Receiving, start_chat
from p2pd.chat.known_peers import KnownPeerList
from p2pd.chat.own_name import follow_own_name
from p2pd.config import Settings
from p2pd.domain.clock import NodeClock
from p2pd.domain.mentions import MentionRule
from p2pd.domain.rejections import Rejections
from p2pd.domain.state import State
from p2pd.domain.storage import Damage
from p2pd.errors import InvalidInputError
from p2pd.log.log import Log
from p2pd.net.identity import Identity, load_or_create_identity
from p2pd.net.network import Network, author_bytes_from_key, peer_id_from_key
from p2pd.net.opening import open_network
from p2pd.net.profiles.record import ProfileKey
from p2pd.net.pubsub.reading import SignedMessages
from p2pd.node import options
from p2pd.node.clock_watch import open_clock, watch_clock
from p2pd.node.closing import left_in_thread
from p2pd.node.data_directory import open_data_directory
from p2pd.node.loop_watch import LoopWatch
from p2pd.node.machine import Machine
from p2pd.node.metrics import CountsFeed
from p2pd.node.metrics_server import serve_metrics
from p2pd.node.profiles import open_profiles
from p2pd.node.recovery import StoreRecovery, message_reader
from p2pd.node.snapshot import Sources
from p2pd.store.memory_store import MemoryStore
from p2pd.store.message_store import MessageStore
from p2pd.store.retention import keep_trimmed
from p2pd.store.search_index import FILE_NAME as SEARCH_FILE
from p2pd.store.search_index import SearchIndex
from p2pd.store.sqlite_store import SqliteStore, open_store
from p2pd.sync import Sync, open_sync
from p2pd.tasks import run_guarded

MEMORY_STORE_BYTES = 256 << 20
STORE_CLOSE_S = 0.9
"""With what the parts before it may take, less than the stop switch allows the process."""

log_line = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Start:
    """What is read and checked before anything is started.

    Attributes:
        mentions: Decides which messages mention this node.
    """

    settings: Settings
    machine: Machine
    data_dir: Path
    key_pair: Identity
    api_settings: ApiSettings
    access: Access
    rejections: Rejections
    mentions: MentionRule


@dataclass(frozen=True, slots=True)
class Base:
    """What lives as long as the store.

    Attributes:
        store: The messages; ``disk`` as well, unless they are in memory.
        own: The parts of chat that the network reports to.
    """

    disk: SqliteStore
    store: MessageStore
    recovery: StoreRecovery
    clock: NodeClock
    log: Log
    own: Receiving
    loop: LoopWatch


def prepare_start(settings: Settings, machine: Machine) -> Start:
    """Make the data directory, the identity and the token, and check what settings name.

    Raises:
        DataDirectoryError: The data directory cannot be used.
        StartUpError: The identity key cannot be used.
        ApiSettingsError: A file of the API's cannot be used.
    """
    data_dir = open_data_directory(settings.data_dir)
    key_pair = load_or_create_identity(data_dir)
    api_settings = options.api_settings(settings, data_dir)
    access = access_from_settings(api_settings)
    mentions = MentionRule(peer_id_from_key(key_pair))
    return Start(
        settings, machine, data_dir, key_pair, api_settings, access, Rejections(), mentions
    )


@asynccontextmanager
async def open_parts(start: Start, feed: CountsFeed) -> AsyncIterator[tuple[Chat, Api]]:
    """Run all parts of the node inside the block.

    Raises:
        StoreOpenError: The store cannot be opened.
        MetricsBindError: The metrics address cannot be listened on.
        StartUpError: The network cannot start.
        ApiError: The API cannot start, or ended by itself.
    """
    async with (
        open_base(start) as base,
        serve_metrics(start.settings.metrics_listen, feed, start.data_dir),
        open_chat(start, base) as (network, sync, chat),
        open_api(ports_of(chat), base.log.on_append, start.api_settings) as api,
    ):
        _report_access(start)
        sources = Sources(
            log=base.log,
            disk=base.disk,
            network=network,
            sync=sync,
            own=base.own,
            chat=chat,
            api=api,
            rejections=start.rejections,
            clock=base.clock,
            loop=base.loop,
        )
        feed.start(sources.snapshot)
        yield chat, api


@asynccontextmanager
async def open_base(start: Start) -> AsyncIterator[Base]:
    """Open the store and what needs nothing else.

    Raises:
        StoreOpenError: The store cannot be opened.
    """
    recovery = StoreRecovery()
    async with _open_stores(start, recovery.report_damage) as (disk, store):
        clock = open_clock(start.machine.clocks, disk)
        peer_id = peer_id_from_key(start.key_pair)
        node = options.node_at_start(start.settings, peer_id, clock.now_ns())
        log = Log(store, State(node, {}), clock_ns=clock.now_ns)
        chosen = options.chat_options(start.settings, clock, start.machine.workers)
        author = author_bytes_from_key(start.key_pair)
        sealer = ProfileKey(start.key_pair)
        own = Receiving(log, disk, author, chosen, start.rejections, sealer, start.mentions)
        follow_own_name(own.profiles, start.mentions)
        yield Base(disk, store, recovery, clock, log, own, LoopWatch())


@asynccontextmanager
async def open_chat(start: Start, base: Base) -> AsyncIterator[tuple[Network, Sync, Chat]]:
    """Open the network, and the use cases on it.

    Raises:
        StartUpError: The network cannot start.
    """
    own, first_seqno, machine = base.own, base.own.first_seqno, start.machine
    chosen = options.network_options(
        start.settings, start.key_pair, first_seqno, base.clock, machine.network
    )
    async with (
        open_network(
            chosen, own.inbox, own.direct_inbox, own.presence, start.rejections
        ) as network,
        open_sync(
            network.room_peers(),
            SignedMessages(),
            base.log.items,
            own.inbox,
            own.history,
            start.rejections,
            options.sync_options(start.settings, base.clock, machine.workers),
        ) as sync,
        open_profiles(base.own, network, start.rejections, base.clock.now_ns),
        trio.open_nursery() as nursery,
    ):
        path = start.data_dir / SEARCH_FILE if base.store is base.disk else None
        index = SearchIndex(path)
        network.on_peer_joined(sync.peer_joined)
        own.inbox.on_recovered.append(sync.compare_now)
        sync.position = lambda: base.log.store.last_offset
        sync.on_equal.append(own.deliveries.compared)
        own.membership.on_left.append(sync.room_left)
        chat_options = options.chat_options(start.settings, base.clock, machine.workers)
        chat = await start_chat(base.log, network, own, chat_options, nursery, index)
        _keep_known(network, own.known_peers)
        _start_upkeep(start, base, chat, nursery)
        yield network, sync, chat
        nursery.cancel_scope.cancel()
        own.membership.save_updates()
        own.deliveries.save()
        index.close()


def _start_upkeep(start: Start, base: Base, chat: Chat, nursery: trio.Nursery) -> None:
    """Start what looks after the store for as long as the node runs."""
    quarantine = base.disk if base.store is base.disk else None
    emit = chat.directory.emit_node_changed
    membership = base.own.membership
    upkeep = {
        "recovery": partial(
            base.recovery.run,
            base.log,
            quarantine,
            message_reader(base.log.state.node.peer_id),
            emit,
        ),
        "loop watch": base.loop.run,
        "clock": partial(watch_clock, base.clock, base.disk, membership.correct_times),
        "retention": partial(
            keep_trimmed,
            base.store,
            options.retention(start.settings),
            base.clock,
            base.own.messages_dropped,
        ),
    }
    for name, task in upkeep.items():
        nursery.start_soon(run_guarded, name, task)


@asynccontextmanager
async def _open_stores(
    start: Start, on_damage: Callable[[Damage], None]
) -> AsyncIterator[tuple[SqliteStore, MessageStore]]:
    """Open the store on disk, which has rooms and known peers, and the store of messages."""
    settings, has_threads = start.settings, start.machine.has_threads
    opened = open_store(
        start.data_dir,
        on_damage=on_damage,
        configured_rooms=settings.rooms,
        import_files=True,
        clock_ns=start.machine.clocks.wall_ns,
        is_mention=start.mentions,
        has_threads=has_threads,
    )
    async with AsyncExitStack() as stack:
        if has_threads:
            left = left_in_thread(opened, "message store", STORE_CLOSE_S)
            disk = await stack.enter_async_context(left)
        else:
            disk = stack.enter_context(opened)
        if settings.store == "memory":
            yield (
                disk,
                MemoryStore(settings.retention_messages, MEMORY_STORE_BYTES, start.mentions),
            )
        else:
            yield disk, disk


def ports_of(chat: Chat) -> ChatPorts:
    """Name the parts that the API calls."""
    return ChatPorts(
        chat.publishing,
        chat.membership,
        chat.directory,
        chat.dialling,
        chat.feed,
        chat.inviting,
        chat.profiles,
        chat.conversations,
        chat.blocks,
        chat.deliveries,
        chat.shown,
        chat.searching,
        chat.requests,
        chat.forgetting,
    )


def _keep_known(network: Network, peers: KnownPeerList) -> None:
    for address in peers.addresses:
        # What an earlier release stored may be no address.
        with suppress(InvalidInputError):
            network.keep(address)


def _report_access(start: Start) -> None:
    """Log who may call the API where that is not only this machine."""
    address = start.settings.grpc_listen
    if start.access.token is not None:
        file = options.token_file(start.settings, start.data_dir)
        log_line.info("gRPC calls need the token", listen=address, token_file=str(file))
    elif not is_local(start.access.address):
        log_line.warning("gRPC is open to everybody who reaches it", listen=address)
