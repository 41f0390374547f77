"""A real API in front of a real chat: host, gossip, log, gRPC thread, all in this process.

trio runs in a thread of the test, so that tests are plain functions that call
with gRPC's own blocking client, as most programs do.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import grpc
import trio
from grpc_health.v1 import health_pb2_grpc
from wsp.chat.v1 import chat_pb2_grpc

from p2pd.api.ports import ChatPorts, Connecting, Publishing
from p2pd.api.server import Api, open_api
from p2pd.api.settings import ApiSettings
from p2pd.chat.assembly import ChatOptions, Receiving, start_chat
from p2pd.chat.publisher import PublishLimits
from p2pd.domain.names import DEFAULT_ROOM
from p2pd.domain.peers import Node
from p2pd.domain.rejections import Rejections
from p2pd.domain.state import State
from p2pd.log.log import Log
from p2pd.net.identity import load_or_create_identity
from p2pd.net.network import NetworkOptions, author_bytes_from_key, peer_id_from_key
from p2pd.net.opening import open_network
from p2pd.net.profiles.record import ProfileKey
from p2pd.node.parts import ports_of
from p2pd.store.memory_store import MemoryStore
from p2pd.store.search_index import SearchIndex
from tests.p2pd.chat.ports import RoomsInMemory

T = TypeVar("T")

START_S = 60.0
STOP_S = 60.0
LIMITS = PublishLimits(max_message_bytes=32_768, rate_per_s=1e6, burst=100_000)

Change = Callable[[ChatPorts], ChatPorts]
"""Puts something else in the place of a part of the chat."""


class WaitingPublishing:
    """Publishes as if something always had to be waited for; a test's layer builds on it."""

    def __init__(self, inner: Publishing) -> None:
        self._inner = inner

    async def publish(self, publishes: Any, accepted: Any = None) -> Any:
        return await self._inner.publish(publishes, accepted)

    def publish_now(self, _publishes: Any, _settled: Any) -> bool:
        return False


def publishing_through(layer: Callable[[Publishing], Publishing]) -> Change:
    """Put a layer of a test over what publishes."""
    return lambda chat: replace(chat, publishing=layer(chat.publishing))


def dialling_through(dialling: Connecting) -> Change:
    """Put a test's own in the place of what dials."""
    return lambda chat: replace(chat, dialling=dialling)


@dataclass
class RunningApi:
    """The API of one chat; everything but ``on_trio`` is for the test's thread."""

    data_dir: Path
    settings: ApiSettings
    change: Change
    limits: PublishLimits
    api: Api = field(init=False)
    chat: ChatPorts = field(init=False)
    stop_chat: Callable[[], None] = field(init=False)
    log: Log = field(init=False)
    failure: BaseException | None = None

    def __post_init__(self) -> None:
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._main)

    @property
    def address(self) -> str:
        return self.api.address

    def channel(self, **options: Any) -> grpc.Channel:
        arguments = [(key.replace("__", "."), value) for key, value in options.items()]
        return grpc.insecure_channel(self.address, arguments)

    def on_trio(self, function: Callable[..., T], *arguments: Any) -> T:
        """Call a function in the trio thread."""
        return trio.from_thread.run_sync(function, *arguments, trio_token=self._token)

    def await_on_trio(self, function: Callable[..., Awaitable[T]], *arguments: Any) -> T:
        return trio.from_thread.run(function, *arguments, trio_token=self._token)

    def start(self) -> None:
        self._thread.start()
        assert self._ready.wait(START_S), "the API did not start"
        self.check()

    def check(self) -> None:
        """Raise what ended the API, out of the groups of the nurseries around it."""
        failure = self.failure
        while isinstance(failure, BaseExceptionGroup) and len(failure.exceptions) == 1:
            failure = failure.exceptions[0]
        if failure is not None:
            raise failure

    def ask_to_stop(self) -> None:
        """Begin to stop the API, without waiting for its end."""
        with suppress(trio.RunFinishedError):
            self.on_trio(self._end.set)

    def stop(self) -> float:
        """Stop the API first, as the node does; return the seconds that it took."""
        began = time.monotonic()
        self.ask_to_stop()
        self._thread.join(STOP_S)
        assert not self._thread.is_alive(), "the API did not stop"
        return self.stopped_at - began

    def _main(self) -> None:
        try:
            trio.run(self._run)
        except BaseException as error:  # handed to the test
            self.failure = error
        finally:
            self._ready.set()

    async def _run(self) -> None:
        self._token = trio.lowlevel.current_trio_token()
        self._end = trio.Event()
        key_pair = load_or_create_identity(self.data_dir)
        peer_id = peer_id_from_key(key_pair)
        node = Node(peer_id, (), "wsp/test", (), "0.1.0", 32_768, 1)
        self.log = Log(MemoryStore(100_000, 64 << 20), State(node, {}))
        rejections = Rejections()
        author_bytes = author_bytes_from_key(key_pair)
        chat_options = ChatOptions((DEFAULT_ROOM,), 0, 100, 10**18, self.limits)
        own = Receiving(
            self.log,
            RoomsInMemory(),
            author_bytes,
            chat_options,
            rejections,
            ProfileKey(key_pair),
        )
        options = NetworkOptions(
            key_pair,
            ("/ip4/127.0.0.1/tcp/0",),
            (),
            "wsp/test",
            (),
            mdns=False,
            first_seqno=0,
        )
        async with (
            open_network(options, own.inbox, own.direct_inbox, own.presence, rejections) as network,
            trio.open_nursery() as nursery,
        ):
            index = SearchIndex(None)
            chat = await start_chat(self.log, network, own, chat_options, nursery, index)
            self.chat = self.change(ports_of(chat))
            self.stop_chat = chat.stop
            try:
                async with open_api(self.chat, self.log.on_append, self.settings) as self.api:
                    self._ready.set()
                    await self._end.wait()
            finally:
                self.stopped_at = time.monotonic()
                nursery.cancel_scope.cancel()


@contextmanager
def running_api(
    data_dir: Path,
    listen: str = "127.0.0.1:0",
    *,
    change: Change = lambda chat: chat,
    limits: PublishLimits = LIMITS,
    **settings: Any,
) -> Iterator[RunningApi]:
    """Run an API for the time of a block; a failure in it fails the block."""
    data_dir.mkdir(parents=True, exist_ok=True)
    running = RunningApi(data_dir, ApiSettings(listen=listen, **settings), change, limits)
    running.start()
    try:
        yield running
    finally:
        running.stop()
    running.check()


def health_stub_of(channel: grpc.Channel) -> Any:
    """Make a client of the health service, which has no types."""
    make: Any = health_pb2_grpc.HealthStub
    return make(channel)


def stub_of(channel: grpc.Channel) -> Any:
    """Make a client; untyped, since grpc's stubs know only typed channels."""
    return chat_pb2_grpc.ChatServiceStub(channel)
