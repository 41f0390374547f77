"""Accept calls as fast as they come, and refuse those of an overload at once.

Several requests for the next call are out at once.

``grpc.aio`` has one out. Each call then waits for a way through gRPC's poller thread and
back, in which a busy node takes milliseconds, and what is offered meanwhile piles up
inside gRPC, unbounded and out of sight of ``admission``.

A call that ``shedding`` refuses gets its status here, in one batch of operations: with a
handler and a context of its own, a refusal costs three times as much. Used by ``rpc_server``.

Source: grpc, src/python/grpcio/grpc/_cython/_cygrpc/aio/server.pyx.pxi,
``_server_main_loop``; what is used of it here is private, so another release that has it
in other shapes is left as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Never

import grpc
import structlog
from grpc._cython import cygrpc  # type: ignore[attr-defined]

from p2pd.api.shedding import Shedding

log = structlog.get_logger(__name__)

REQUESTS_OUT = 128
"""Besides the one of gRPC's own: more than a caller's burst of some milliseconds."""
SHAPES = {
    "_handle_rpc": ("generic_handlers", "interceptors", "rpc_state", "loop"),
    "_schedule_rpc_coro": ("rpc_coro", "rpc_state", "loop"),
    "execute_batch": ("grpc_call_wrapper", "operations", "loop"),
}
NO_FLAGS = 0


class _MethodSeen(Exception):  # noqa: N818 no error, the way out of _handle_rpc
    """The method of a call is known."""


class _MethodReader(grpc.GenericRpcHandler):
    """Reads the method of a call, which only gRPC's search for a handler can see."""

    def __init__(self) -> None:
        self._method = ""

    def method_of(self, state: Any, loop: asyncio.AbstractEventLoop) -> str:
        """Return the full name of what is called."""
        search = cygrpc._handle_rpc([self], (), state, loop, False)
        with suppress(_MethodSeen):
            search.send(None)
        return self._method

    def service(self, details: grpc.HandlerCallDetails) -> Never:
        """Note the method and end the search."""
        self._method = details.method
        raise _MethodSeen


class CallAcceptor:
    """Further requests for calls of a server that has started.

    Args:
        shedding: What refuses calls of an overload; None where none is refused unread.

    Attributes:
        is_behind: Whether so many calls came in the last turn of the loop that more wait
            inside gRPC.
    """

    def __init__(self, shedding: Shedding | None = None) -> None:
        self.is_behind = False
        self._came = 0
        self._shedding = shedding
        self._methods = _MethodReader()
        self._tasks: set[asyncio.Task[None]] = set()

    def start(
        self,
        server: grpc.aio.Server,
        handlers: Sequence[grpc.GenericRpcHandler],
        interceptors: Sequence[grpc.aio.ServerInterceptor],
    ) -> bool:
        """Start to request calls; return whether that is possible with this gRPC.

        Args:
            handlers: Those that the server was given.
            interceptors: Those that the server was given.
        """
        self._core: Any = getattr(server, "_server", None)
        self._handlers = list(handlers)
        self._interceptors = tuple(interceptors)
        if not (hasattr(self._core, "_request_call") and _has_shapes()):
            log.warning("this release of gRPC accepts one call at a time")
            return False
        for _ in range(REQUESTS_OUT):
            self._keep(asyncio.create_task(self._accept_all()))
        return True

    async def _accept_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._core.is_running():
            try:
                state = await self._core._request_call()
            # Boundary: gRPC answers what is requested with an error when it stops.
            except Exception:
                return
            if not self._came:
                loop.call_soon(self._end_turn)
            self._came += 1
            if self._shedding is not None and self._is_refused(state, loop):
                self._keep(asyncio.create_task(_refuse(state, self._shedding, loop)))
                continue
            call = cygrpc._handle_rpc(self._handlers, self._interceptors, state, loop, False)
            self._keep(asyncio.create_task(cygrpc._schedule_rpc_coro(call, state, loop)))

    def _is_refused(self, state: Any, loop: asyncio.AbstractEventLoop) -> bool:
        shedding = self._shedding
        return (
            shedding is not None
            and shedding.refuses(is_behind=self.is_behind)
            and self._methods.method_of(state, loop) == shedding.method
        )

    def _end_turn(self) -> None:
        """Look at how many calls came, before the first of them is handled."""
        self.is_behind = self._came >= REQUESTS_OUT // 2
        self._came = 0

    def _keep(self, task: asyncio.Task[None]) -> None:
        """Hold a task until it is done: the loop alone does not."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _refuse(state: Any, shedding: Shedding, loop: asyncio.AbstractEventLoop) -> None:
    """End a call with a status, before anything of it is read."""
    refusal = shedding.refuse()
    operations = (
        cygrpc.SendInitialMetadataOperation((), NO_FLAGS),
        cygrpc.SendStatusFromServerOperation(
            refusal.trailer, refusal.code, refusal.message, NO_FLAGS
        ),
        cygrpc.ReceiveCloseOnServerOperation(NO_FLAGS),
    )
    # The caller may be gone: there is nobody left to refuse.
    with suppress(cygrpc.ExecuteBatchError):
        await cygrpc.execute_batch(state, operations, loop)


def _has_shapes() -> bool:
    """Whether the functions of gRPC take what is given to them here."""
    for name, names in SHAPES.items():
        code = getattr(getattr(cygrpc, name, None), "__code__", None)
        if code is None or code.co_varnames[: len(names)] != names:
            return False
    return True
