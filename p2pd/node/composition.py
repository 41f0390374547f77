"""The node put together: parts nested by lifetime, one way to start and to stop.

Called by ``p2pd.__main__``. Opened from the inside out and closed in reverse:
the API first, so that nothing new is accepted, then the network, then the log.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path

import structlog
import trio

from common.errors import SettingsError
from p2pd import __version__
from p2pd.api.access import Access, access_from_settings
from p2pd.api.errors import ApiError
from p2pd.api.listen_address import is_local
from p2pd.api.ports import ChatPorts
from p2pd.api.server import Api, open_api
from p2pd.api.settings import ApiSettings
from p2pd.api.token_file import load_or_create_token
from p2pd.chat.assembly import Chat, ChatOptions, Receiving, start_chat
from p2pd.chat.known_peers import KnownPeerList
from p2pd.chat.publisher import PublishLimits
from p2pd.config import Settings
from p2pd.domain.clock import NodeClock
from p2pd.domain.names import PeerId
from p2pd.domain.peers import Node, Reachability
from p2pd.domain.rejections import Rejections
from p2pd.domain.state import State
from p2pd.domain.storage import Damage
from p2pd.errors import ChatError, InvalidInputError
from p2pd.log.log import Log
from p2pd.net.errors import StartUpError
from p2pd.net.identity import Identity, load_or_create_identity
from p2pd.net.network import (
    Network,
    NetworkOptions,
    author_bytes_from_key,
    open_network,
    peer_id_from_key,
)
from p2pd.net.pubsub.verified import signed_message_reader
from p2pd.node.clock_watch import MACHINE_CLOCKS, Clocks, open_clock, watch_clock
from p2pd.node.closing import left_in_thread
from p2pd.node.data_directory import open_data_directory
from p2pd.node.errors import DataDirectoryError, MetricsBindError
from p2pd.node.metrics import Feed, snapshot_of
from p2pd.node.metrics_server import serve_metrics
from p2pd.node.recovery import Recovery
from p2pd.store.errors import StoreOpenError
from p2pd.store.memory_store import MemoryStore
from p2pd.store.message_store import MessageStore
from p2pd.store.retention import DAY_S, Retention, keep_trimmed
from p2pd.store.sqlite_store import SqliteStore, open_store
from p2pd.tasks import run_guarded

AGENT = f"wsp/{__version__}"
SECONDS = 1.0
DAY_NS = DAY_S * 10**9
MEMORY_STORE_BYTES = 256 << 20
PARTS_STOP_S = 3.3 * SECONDS
API_GRACE_S = 2.5 * SECONDS
STORE_CLOSE_S = 1.2 * SECONDS
"""With the parts before it still less than the stop switch allows the process."""

EXPECTED_ERRORS = (
    SettingsError,
    StartUpError,
    StoreOpenError,
    ApiError,
    MetricsBindError,
    DataDirectoryError,
    ChatError,
    OSError,
)
"""What an operator can mend; each is one clear sentence."""

log_line = structlog.get_logger(__name__)


Subscribe = Callable[[Callable[[], None]], None]
"""Has a function called, in any thread, when the node is to stop."""


async def run_node(
    settings: Settings,
    announce_ready: Callable[[str], None],
    on_stop: Subscribe,
    clocks: Clocks = MACHINE_CLOCKS,
) -> None:
    """Run a node until it is to stop.

    Args:
        announce_ready: Called once with the line that names peer id and addresses.
        clocks: The machine's clocks.

    Raises:
        StartUpError: The network cannot start.
        ApiError: The API cannot start, or ended by itself.
        OSError: The data directory cannot be used.
    """
    stop = _stop_event(on_stop)
    feed = Feed()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_end_by_deadline, stop, feed, nursery.cancel_scope)
        async with _open_parts(settings, feed, clocks) as (chat, api):
            announce_ready(_ready_line(chat.directory.node(), api.address))
            api.set_serving(True)
            feed.set_serving(True)
            await stop.wait()
            log_line.info("stopping")
            feed.set_serving(False)
            chat.stop()
        nursery.cancel_scope.cancel()


def _stop_event(on_stop: Subscribe) -> trio.Event:
    stop, token = trio.Event(), trio.lowlevel.current_trio_token()

    def wake() -> None:
        with suppress(trio.RunFinishedError):
            token.run_sync_soon(stop.set)

    on_stop(wake)
    return stop


async def _end_by_deadline(stop: trio.Event, feed: Feed, scope: trio.CancelScope) -> None:
    """Give the parts their time to stop; what has not served yet is ended at once."""
    await stop.wait()
    if feed.has_started:
        await trio.sleep(PARTS_STOP_S)
    scope.cancel()


@asynccontextmanager
async def _open_parts(
    settings: Settings, feed: Feed, clocks: Clocks
) -> AsyncIterator[tuple[Chat, Api]]:
    """Open log, network and API, each inside the one before."""
    rejections = Rejections()
    data_dir = open_data_directory(settings.data_dir)
    key_pair = load_or_create_identity(data_dir)
    api_settings = _api_settings(settings, data_dir)
    access = access_from_settings(api_settings)
    recovery = Recovery()
    node = _node_at_start(settings, peer_id_from_key(key_pair))
    retention = Retention(settings.retention_days * DAY_S, settings.retention_messages)
    author_bytes = author_bytes_from_key(key_pair)
    stores = _open_stores(settings, data_dir, recovery.note)
    async with (
        left_in_thread(stores, "message store", STORE_CLOSE_S) as (disk, store),
        serve_metrics(settings.metrics_listen, feed),
    ):
        clock = open_clock(clocks, disk)
        log = Log(store, State(node, {}), clock_ns=clock.now_ns)
        chat_options = _chat_options(settings, clock)
        own = Receiving(log, disk, author_bytes, chat_options, rejections)
        options = _network_options(settings, key_pair, own.first_seqno, clock)
        async with (
            open_network(
                options, own.inbox, own.presence, log.items, own.history, rejections
            ) as network,
            trio.open_nursery() as nursery,
        ):
            chat = await start_chat(log, network, own, chat_options, nursery)
            _keep_known(network, own.known_peers)
            quarantine = disk if store is disk else None
            emit = chat.directory.emit_node_changed
            recover = partial(recovery.run, log, quarantine, signed_message_reader(), emit)
            watch = partial(watch_clock, clock, disk, own.membership.correct_times)
            trim = partial(keep_trimmed, store, retention, clock, own.history.messages_dropped)
            nursery.start_soon(run_guarded, "recovery", recover)
            nursery.start_soon(run_guarded, "clock", watch)
            nursery.start_soon(run_guarded, "retention", trim)
            _report_access(settings, access, data_dir)
            async with open_api(_ports_of(chat), log.on_append, api_settings) as api:
                feed.start(partial(snapshot_of, log, network, api, rejections, clock))
                yield chat, api
            nursery.cancel_scope.cancel()
            own.membership.save_updates()


def _ports_of(chat: Chat) -> ChatPorts:
    return ChatPorts(chat.publishing, chat.membership, chat.directory, chat.dialling, chat.feed)


@contextmanager
def _open_stores(
    settings: Settings, data_dir: Path, on_damage: Callable[[Damage], None]
) -> Iterator[tuple[SqliteStore, MessageStore]]:
    """Open the store on disk, which has rooms and known peers, and the store of messages."""
    with open_store(
        data_dir, on_damage=on_damage, configured_rooms=settings.rooms, import_files=True
    ) as disk:
        if settings.store == "memory":
            yield disk, MemoryStore(settings.retention_messages, MEMORY_STORE_BYTES)
        else:
            yield disk, disk


def _keep_known(network: Network, peers: KnownPeerList) -> None:
    for address in peers.addresses:
        # What an earlier release stored may be no address.
        with suppress(InvalidInputError):
            network.keep(address)


def _network_options(
    settings: Settings, key_pair: Identity, first_seqno: int, clock: NodeClock
) -> NetworkOptions:
    return NetworkOptions(
        key_pair=key_pair,
        listen=settings.listen,
        announce=settings.announce,
        agent=AGENT,
        bootstrap=settings.bootstrap,
        mdns=settings.mdns,
        first_seqno=first_seqno,
        sync_interval_s=settings.sync_interval_s,
        clock_ns=clock.now_ns,
    )


def _chat_options(settings: Settings, clock: NodeClock) -> ChatOptions:
    limits = PublishLimits(
        settings.max_message_bytes, settings.publish_rate, settings.publish_burst
    )
    return ChatOptions(
        settings.rooms,
        history_ns=settings.history_days * DAY_NS,
        history_messages=settings.history_messages,
        max_age_ns=settings.retention_days * DAY_NS,
        limits=limits,
        clock_ns=clock.now_ns,
    )


def _node_at_start(settings: Settings, peer_id: PeerId) -> Node:
    return Node(
        peer_id=peer_id,
        addresses=(),
        agent=AGENT,
        rooms=(),
        reachability=Reachability.UNKNOWN,
        version=__version__,
        max_message_bytes=settings.max_message_bytes,
        start_time_ns=time.time_ns(),
    )


def _api_settings(settings: Settings, data_dir: Path) -> ApiSettings:
    return ApiSettings(
        listen=settings.grpc_listen,
        token=load_or_create_token(_token_file(settings, data_dir)),
        allow_open=settings.grpc_allow_open,
        tls_certificate=settings.grpc_tls_cert,
        tls_key=settings.grpc_tls_key,
        tls_client_ca=settings.grpc_tls_client_ca,
        grace_s=API_GRACE_S,
    )


def _report_access(settings: Settings, access: Access, data_dir: Path) -> None:
    """Log who may call the API where that is not only this machine."""
    address = settings.grpc_listen
    if access.token is not None:
        file = _token_file(settings, data_dir)
        log_line.info("gRPC calls need the token", listen=address, token_file=str(file))
    elif not is_local(access.address):
        log_line.warning("gRPC is open to everybody who reaches it", listen=address)


def _token_file(settings: Settings, data_dir: Path) -> Path:
    return settings.grpc_token_file or data_dir / "grpc.token"


def _ready_line(node: Node, grpc_address: str) -> str:
    addresses = ",".join(node.addresses)
    return f"p2pd ready peer_id={node.peer_id} grpc={grpc_address} addresses={addresses}"
