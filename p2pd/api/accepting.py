"""Accept calls as fast as they come: several requests for the next call are out at once.

``grpc.aio`` has one out. Each call then waits for a way through gRPC's poller thread and
back, in which a busy node takes milliseconds, and what is offered meanwhile piles up
inside gRPC, unbounded and out of sight of ``admission``. Used by ``rpc_server``.

Source: grpc, src/python/grpcio/grpc/_cython/_cygrpc/aio/server.pyx.pxi,
``_server_main_loop``; what is used of it here is private, so another release that has it
in other shapes is left as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import grpc
import structlog
from grpc._cython import cygrpc  # type: ignore[attr-defined]

log = structlog.get_logger(__name__)

REQUESTS_OUT = 32
"""Besides the one of gRPC's own."""
SHAPES = {
    "_handle_rpc": ("generic_handlers", "interceptors", "rpc_state", "loop"),
    "_schedule_rpc_coro": ("rpc_coro", "rpc_state", "loop"),
}


class CallAcceptor:
    """Further requests for calls of a server that has started.

    Attributes:
        is_behind: Whether so many calls came in the last turn of the loop that more wait
            inside gRPC.
    """

    def __init__(self) -> None:
        self.is_behind = False
        self._came = 0
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
            call = cygrpc._handle_rpc(self._handlers, self._interceptors, state, loop, False)
            self._keep(asyncio.create_task(cygrpc._schedule_rpc_coro(call, state, loop)))

    def _end_turn(self) -> None:
        """Look at how many calls came, before the first of them is handled."""
        self.is_behind = self._came >= REQUESTS_OUT // 2
        self._came = 0

    def _keep(self, task: asyncio.Task[None]) -> None:
        """Hold a task until it is done: the loop alone does not."""
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _has_shapes() -> bool:
    """Whether the functions of gRPC take what is given to them here."""
    for name, names in SHAPES.items():
        code = getattr(getattr(cygrpc, name, None), "__code__", None)
        if code is None or code.co_varnames[: len(names)] != names:
            return False
    return True
