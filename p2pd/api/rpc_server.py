"""The gRPC server and all that lives in its loop; made and run by ``server``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import grpc

from common.histograms import EMPTY, HistogramValue
from common.loop_lag import LoopLag
from p2pd.api.accepting import CallAcceptor
from p2pd.api.access import Access
from p2pd.api.admission import CallAdmission, StreamAdmission
from p2pd.api.auth import TokenGuard
from p2pd.api.binding import bind
from p2pd.api.bridge import Bridge
from p2pd.api.caller_from_context import caller_of_all, caller_reader
from p2pd.api.changes import Changes
from p2pd.api.handlers import SERVICE, Edge, chat_handlers
from p2pd.api.health import HEALTH_SERVICE, Health, health_handlers
from p2pd.api.in_hand import InHand
from p2pd.api.ports import ChatPorts
from p2pd.api.reflection import reflection_handlers
from p2pd.api.service import ChatService
from p2pd.api.settings import ApiSettings
from p2pd.api.shedding import Shedding, SheddingHandler

MAX_RECEIVE_BYTES = 256 * 1024
MAX_PENDING_CALLS = 8_192
"""Calls that gRPC holds until Python takes them; above it gRPC drops some."""
MAX_ACTIVE_DIALS = 64
MAX_WAITING_DIALS = 256
MAX_OPEN_STREAMS = 256
"""Watch and reflection streams, which need no token, all callers together."""
LOOKAHEAD_BYTES = 16 * 1024
READERS_GRACE_S = 0.3
DRAIN_CHECK_INTERVAL_S = 0.05


@dataclass(frozen=True, slots=True)
class ApiCounters:
    """How often a bound of the API has bitten, and what is open now.

    Attributes:
        loop_lag: How late the loop of the gRPC server was, in seconds.
    """

    calls_refused: int
    streams_refused: int
    tokens_refused: int
    calls_failed: int
    calls_active: int
    streams_open: int
    loop_lag: HistogramValue = EMPTY


class RpcServer:
    """Serve the API until told to stop."""

    def __init__(
        self, chat: ChatPorts, bridge: Bridge, access: Access, settings: ApiSettings
    ) -> None:
        self._settings = settings
        self._bridge = bridge
        self._access = access
        self._guard = None if access.token is None else TokenGuard(access.token)
        caller_of = caller_reader(access)
        waiting, patience = settings.max_waiting_calls, settings.patience
        self._publishes = CallAdmission(settings.max_active_publishes, waiting, patience)
        self._calls = CallAdmission(settings.max_active_calls, waiting, patience)
        self._dials = CallAdmission(MAX_ACTIVE_DIALS, MAX_WAITING_DIALS)
        self._streams = StreamAdmission(settings.max_streams)
        self._open_streams = StreamAdmission(MAX_OPEN_STREAMS)
        self._edge = Edge(self._publishes, self._calls, self._dials, self._streams, caller_of)
        self._changes = Changes()
        self._service = ChatService(
            chat,
            bridge,
            self._changes,
            caller_of,
            settings.progress_interval_s,
            InHand(settings.max_streamed_publishes),
        )
        self._health = Health(self._open_streams)
        self._loop_lag = LoopLag()
        self._shedding = self._make_shedding()
        # Where tokens are asked for, no call counts before its own has been looked at.
        self._acceptor = CallAcceptor(self._shedding if self._guard is None else None)
        self._stop = asyncio.Event()

    @property
    def counters(self) -> ApiCounters:
        """What was turned away since the start; readable from any thread."""
        return ApiCounters(
            calls_refused=sum(calls.refused for calls in self._unary),
            streams_refused=self._streams.refused + self._open_streams.refused,
            tokens_refused=0 if self._guard is None else self._guard.refused,
            calls_failed=self._edge.failures,
            calls_active=sum(calls.active for calls in self._unary),
            streams_open=self._streams.open,
            loop_lag=self._loop_lag.value,
        )

    @property
    def _unary(self) -> tuple[CallAdmission, ...]:
        return self._publishes, self._calls, self._dials

    async def run(self, bound: Callable[[str], None]) -> None:
        """Bind, serve until ``stop``, drain.

        Args:
            bound: Called with the address once calls are taken.

        Raises:
            ApiBindError: The address cannot be listened on.
        """
        self._bridge.attach(asyncio.get_running_loop())
        self._loop_lag.start()
        server, accept = self._make_server()
        try:
            address = bind(server, self._access.address, self._access.credentials)
            await server.start()
            accept()
            bound(str(address))
            await self._stop.wait()
            await self._drain(server)
        finally:
            self._loop_lag.stop()
            await server.stop(None)

    def stop(self) -> None:
        """Begin to drain."""
        self._stop.set()

    def set_serving(self, is_serving: bool) -> None:
        """Tell health checks whether the node serves."""
        self._health.set_serving(is_serving)

    def log_changed(self) -> None:
        """Wake the readers."""
        self._changes.notify()

    def _make_server(self) -> tuple[grpc.aio.Server, Callable[[], bool]]:
        """Make the server, and what makes it accept calls fast once it has started."""
        interceptors = [] if self._guard is None else [self._guard]
        server = grpc.aio.server(interceptors=interceptors, options=_options())
        handlers = [
            self._shed(chat_handlers(self._service, self._edge)),
            health_handlers(self._health),
            *reflection_handlers([SERVICE, HEALTH_SERVICE], self._open_streams),
        ]
        server.add_generic_rpc_handlers(handlers)
        return server, partial(self._acceptor.start, server, handlers, interceptors)

    def _make_shedding(self) -> Shedding | None:
        """Refuse publishes early where all callers are one: others have reserved places."""
        caller = caller_of_all(self._access)
        if caller is None:
            return None
        return Shedding(f"/{SERVICE}/Publish", self._publishes, caller)

    def _shed(self, handlers: grpc.GenericRpcHandler) -> grpc.GenericRpcHandler:
        if self._shedding is None:
            return handlers
        return SheddingHandler(handlers, self._shedding, lambda: self._acceptor.is_behind)

    async def _drain(self, server: grpc.aio.Server) -> None:
        """Take nothing new, finish what was begun, tell readers; all within the grace.

        A reader that does not read cannot be told; it is not waited for.
        """
        self._health.stop()
        for calls in self._unary:
            calls.stop()
        self._service.stop()
        ending = asyncio.create_task(server.stop(self._settings.grace_s))
        await asyncio.wait({ending}, timeout=READERS_GRACE_S)
        while not ending.done() and (
            self._publishes.active or self._calls.active or self._service.is_publishing
        ):
            await asyncio.wait({ending}, timeout=DRAIN_CHECK_INTERVAL_S)


def _options() -> list[tuple[str, int]]:
    """Return gRPC's own settings.

    A Go client pings every 10 s at most often; gRPC's default calls that abuse
    and drops the connection. ``grpc.max_concurrent_streams`` stays unset: with it
    a burst above the limit is reset, without a word, where ``CallAdmission``
    answers each call. For the same reason many may wait to be taken over.

    What gRPC reads of a stream before it is asked for waits unseen, so it is little.

    Source: grpc, doc/keepalive.md; include/grpc/impl/channel_arg_names.h.
    """
    return [
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
        ("grpc.server.max_pending_requests", MAX_PENDING_CALLS),
        ("grpc.server.max_pending_requests_hard_limit", 2 * MAX_PENDING_CALLS),
        ("grpc.http2.lookahead_bytes", LOOKAHEAD_BYTES),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.server_handshake_timeout_ms", 10_000),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", 2_000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.http2.max_ping_strikes", 5),
    ]
