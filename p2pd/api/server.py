"""The API's life: a thread with gRPC on uvloop, seen from trio as a context.

``open_api`` is what ``p2pd.node`` uses. The thread is a child of a nursery here:
it cannot outlive the context, and its crash ends whoever opened it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import trio

from common.grpc_loop import GrpcLoop
from p2pd.api.access import access_from_settings
from p2pd.api.bridge import Bridge
from p2pd.api.errors import ApiCrashedError, ApiError
from p2pd.api.ports import ChatPorts
from p2pd.api.rpc_server import ApiCounters, RpcServer
from p2pd.api.settings import ApiSettings

LogChanges = Callable[[Callable[[], None]], Callable[[], None]]
"""Call a function back after each append; returns what ends it."""


class Api:
    """The running API, for trio.

    Attributes:
        address: Where it listens, with the port that was picked for port 0.
    """

    def __init__(self, address: str, rpc: RpcServer, bridge: Bridge) -> None:
        self.address = address
        self._rpc = rpc
        self._bridge = bridge

    def set_serving(self, is_serving: bool) -> None:
        """Report to health checks whether the node serves; false until the first call."""
        self._bridge.signal(partial(self._rpc.set_serving, is_serving))

    @property
    def counters(self) -> ApiCounters:
        """How often a bound has bitten since the start."""
        return self._rpc.counters


@asynccontextmanager
async def open_api(
    chat: ChatPorts, log_changes: LogChanges, settings: ApiSettings
) -> AsyncIterator[Api]:
    """Serve ``chat`` over gRPC; on exit drain within ``settings.grace_s``.

    Cancellation: drains as well; what a caller was promised is finished first.

    Raises:
        ApiSettingsError: A setting cannot be used.
        ApiBindError: The address cannot be listened on.
        ApiCrashedError: The gRPC thread ended by itself; in a group, and the
            body is cancelled.
    """
    access = access_from_settings(settings)
    async with trio.open_nursery() as nursery:
        bridge = Bridge(nursery)
        thread = _GrpcThread(RpcServer(chat, bridge, access, settings))
        nursery.start_soon(thread.run)
        end_signals = log_changes(bridge.coalesced(thread.rpc.log_changed))
        try:
            await thread.ready.wait()
            if thread.failure is None:
                yield Api(thread.address, thread.rpc, bridge)
        finally:
            end_signals()
            with trio.CancelScope(shield=True):
                thread.is_stopping = True
                bridge.signal(thread.rpc.stop)
                await thread.done.wait()
                bridge.close()
    if thread.failure is not None:
        raise thread.failure


class _GrpcThread:
    """The thread and how it ended.

    Attributes:
        failure: Why it never served; what happens later is raised by ``run``.
    """

    def __init__(self, rpc: RpcServer) -> None:
        self.rpc = rpc
        self.ready = trio.Event()
        self.done = trio.Event()
        self.address = ""
        self.failure: ApiError | None = None
        self.is_stopping = False

    async def run(self) -> None:
        """Run the server in a thread of its own until it ends.

        Raises:
            ApiCrashedError: It ended without being asked to.
        """
        wake = trio.lowlevel.current_trio_token().run_sync_soon
        run_loop = partial(_run_loop, self.rpc, partial(wake, self._bound))
        try:
            await trio.to_thread.run_sync(run_loop, limiter=trio.CapacityLimiter(1))
        except ApiError as error:
            self.failure = error
        except Exception as error:
            raise ApiCrashedError(f"the gRPC thread failed: {error!r}") from error
        else:
            if not self.is_stopping:
                raise ApiCrashedError("the gRPC thread ended by itself")
        finally:
            self.ready.set()
            self.done.set()

    def _bound(self, address: str) -> None:
        self.address = address
        self.ready.set()


def _run_loop(rpc: RpcServer, bound: Callable[[str], None]) -> None:
    with asyncio.Runner(loop_factory=GrpcLoop) as runner:
        runner.run(rpc.run(bound))
