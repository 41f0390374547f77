"""The link to the node: one gRPC channel, and whether the node is heard.

Made by ``gateway.app``; used by the rest of ``gateway.node``. Says ``away``
within two seconds: at once when the stream of events breaks, and when neither
it nor a health check brought a sign of life for that long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import structlog
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from wsp.chat.v1 import chat_pb2_grpc

from gateway.channel.events import LinkState
from gateway.errors import NodeError, Refusal

log = structlog.get_logger(__name__)

QUIET_S = 0.7
"""Silence after which the node is asked whether it is there."""
ANSWER_S = 1.2
"""How long it may take to answer; with ``QUIET_S`` less than two seconds."""
SHORTEST_PAUSE_S = 0.1
MAX_RECEIVE_BYTES = 4 * 1024 * 1024
"""Of one response; the node keeps each within about 1 MiB."""
CHANNEL_OPTIONS: tuple[tuple[str, int], ...] = (
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.max_receive_message_length", MAX_RECEIVE_BYTES),
    # A stream that nobody reads holds this much, and not what the line could carry.
    ("grpc.http2.bdp_probe", 0),
    ("grpc.http2.lookahead_bytes", 256 * 1024),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
)

Metadata = tuple[tuple[str, str], ...]
StateListener = Callable[[LinkState], None]


@dataclass(frozen=True, slots=True)
class NodeAddress:
    """Where the node is and how to be let in.

    Attributes:
        tls: Whether to speak TLS; ``roots`` None are the system's.
        roots: PEM certificates to check the node by.
        certificate: PEM certificate to show to the node, with its ``key``.
    """

    target: str
    token_file: Path | None = None
    tls: bool = False
    roots: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None


Call = Callable[[Callable[..., Awaitable[Any]], Message], Awaitable[Any]]
"""Calls a method of the node's stub, in its turn and in time; see ``Commands``."""


class Link:
    """One channel to one node.

    Attributes:
        stub: The calls of ``ChatService``; pass ``metadata()`` with each.
        problem: Why the node is not reachable, where that is known.
        awaits_start: Whether it is no surprise that nobody listens: the node has not been
            heard yet, or has said that it stops.
        is_stopping: Whether the gateway itself stops: what breaks then is no event.
    """

    def __init__(self, address: NodeAddress) -> None:
        self._address = address
        self._channel = _channel_to(address)
        self.stub: chat_pb2_grpc.ChatServiceAsyncStub = chat_pb2_grpc.ChatServiceStub(self._channel)
        self._health = health_pb2_grpc.HealthStub(self._channel)  # type: ignore[no-untyped-call]
        self.problem: str | None = None
        self.awaits_start = True
        self.is_stopping = False
        self._state: LinkState = "away"
        self._ready = asyncio.Event()
        self._following = False
        self._alive_at_s = 0.0
        self._listeners: list[StateListener] = []

    @property
    def target(self) -> str:
        """The node's address."""
        return self._address.target

    @property
    def is_ready(self) -> bool:
        """Whether the node is heard."""
        return self._state == "ready"

    @property
    def is_following(self) -> bool:
        """Whether the stream of events stands, even if nothing comes over it."""
        return self._following

    def on_change(self, listener: StateListener) -> None:
        """Have ``listener`` called whenever the state changes."""
        self._listeners.append(listener)

    async def wait_ready(self) -> None:
        """Wait until the node is heard."""
        await self._ready.wait()

    def metadata(self) -> Metadata:
        """Return what each call carries: the token, read anew so that it can change.

        Raises:
            NodeError: The token's file cannot be read.
        """
        if self._address.token_file is None:
            return ()
        return (("authorization", f"Bearer {_token_in(self._address.token_file)}"),)

    def mark_alive(self) -> None:
        """Note a sign of life from the node."""
        self._alive_at_s = asyncio.get_running_loop().time()
        if self._following and self._state == "away":
            self._become("ready")

    def mark_following(self) -> None:
        """Handle that the stream of events has begun."""
        self._following = True
        self.mark_alive()

    def mark_broken(self) -> None:
        """Handle that the stream of events broke."""
        self._following = False
        if self._state == "ready":
            self._become("away")

    async def watch(self) -> None:
        """Ask a quiet node whether it is there, for ever."""
        loop = asyncio.get_running_loop()
        while True:
            quiet_s = loop.time() - self._alive_at_s
            if self._following and quiet_s >= QUIET_S:
                await self._probe()
                quiet_s = 0.0
            await asyncio.sleep(max(SHORTEST_PAUSE_S, QUIET_S - quiet_s))

    async def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        await self._channel.close(grace=None)

    async def _probe(self) -> None:
        call = asyncio.ensure_future(self._check())
        await asyncio.wait({call}, timeout=ANSWER_S)
        if not call.done():
            # A loop that was busy itself sees the answer one turn later.
            await asyncio.sleep(0)
        if call.done():
            return
        if self._following and self._state == "ready":
            self._become("away")
        await call

    async def _check(self) -> None:
        try:
            await self._health.Check(health_pb2.HealthCheckRequest(), timeout=30.0)
        except grpc.aio.AioRpcError as error:
            # Whoever refuses is there; whoever is not, the stream will tell.
            if error.code() in {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}:
                return
        self.mark_alive()

    def _become(self, state: LinkState) -> None:
        self._state = state
        if state == "ready":
            self.problem, self.awaits_start = None, False
        (self._ready.set if state == "ready" else self._ready.clear)()
        log.info("node state changed", state=state, node=self._address.target)
        for listener in self._listeners:
            listener(state)


def _channel_to(address: NodeAddress) -> grpc.aio.Channel:
    if not address.tls:
        return grpc.aio.insecure_channel(address.target, options=CHANNEL_OPTIONS)
    credentials = grpc.ssl_channel_credentials(
        root_certificates=address.roots,
        private_key=address.key,
        certificate_chain=address.certificate,
    )
    return grpc.aio.secure_channel(address.target, credentials, options=CHANNEL_OPTIONS)


def _token_in(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        message = f"cannot read the node's token from {path}"
        raise NodeError(Refusal("UNAVAILABLE", "NODE_TOKEN_UNREADABLE", message)) from None
