"""Refuse publishes of an overload before anything of them is read.

A refusal must cost much less than what it refuses, or a node that is asked for more
than it can do does nothing but refuse. Put around the handlers by ``rpc_server``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import grpc

from p2pd.api.admission import CallAdmission
from p2pd.api.grpc_types import Context
from p2pd.api.status_from_error import abort
from p2pd.domain.callers import Caller


class SheddingHandler(grpc.GenericRpcHandler):
    """Looks whether a call has a place before its handler is run.

    Args:
        inner: The handlers.
        method: The full name of the calls that are counted.
        caller: Who makes every call here.
        is_behind: Whether calls wait inside gRPC, where they are not counted.
    """

    def __init__(
        self,
        inner: grpc.GenericRpcHandler,
        method: str,
        calls: CallAdmission,
        caller: Caller,
        is_behind: Callable[[], bool],
    ) -> None:
        self._is_behind = is_behind
        self._inner = inner
        self._method = method
        self._calls = calls
        self._caller = caller
        # Of a call with streams nothing is read before its handler runs; the caller
        # of a unary call gets the same status.
        self._refusing: Any = grpc.stream_stream_rpc_method_handler(self._refuse)

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """Return what handles a call."""
        if details.method == self._method and self._is_refused():
            return self._refusing
        return self._inner.service(details)

    def _is_refused(self) -> bool:
        """Whether to refuse; in an overload, all until none waits out of sight."""
        if self._is_behind():
            return self._calls.is_shedding
        return self._calls.refuses(self._caller)

    async def _refuse(self, _requests: object, context: Context) -> None:
        self._calls.record_full(time.monotonic())
        await abort(context, self._calls.overloaded())
