"""Refuse publishes of an overload before anything of them is read.

A refusal must cost much less than what it refuses, or a node that is asked for more
than it can do does nothing but refuse. ``accepting`` asks for each call that it takes
over; ``SheddingHandler`` is put around the handlers by ``rpc_server``, for those calls
that gRPC hands over itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import grpc

from p2pd.api.admission import CallAdmission
from p2pd.api.grpc_types import Context
from p2pd.api.status_from_error import Trailer, abort, status_from_error, trailer_from_status
from p2pd.domain.callers import Caller


@dataclass(frozen=True, slots=True)
class Refusal:
    """What a refused call ends with, as gRPC sends it."""

    code: int
    message: str
    trailer: Trailer


class Shedding:
    """Judges whether a publish has a place, before it is read.

    Args:
        method: The full name of the calls that are counted.
        caller: Who makes every call here.

    Attributes:
        method: Likewise.
    """

    def __init__(self, method: str, calls: CallAdmission, caller: Caller) -> None:
        self.method = method
        self._calls = calls
        self._caller = caller
        self._refusal: Refusal | None = None

    def refuses(self, *, is_behind: bool) -> bool:
        """Return whether a publish is refused now.

        Args:
            is_behind: Whether calls wait inside gRPC, where they are not counted: in an
                overload all are refused until none waits out of sight.
        """
        return self._calls.is_shedding if is_behind else self._calls.refuses(self._caller)

    def overloaded(self) -> Exception:
        """Count a publish that is refused; return why."""
        self._calls.record_full(time.monotonic())
        return self._calls.overloaded()

    def refuse(self) -> Refusal:
        """Count a publish that is refused; return its end, which is encoded once."""
        error = self.overloaded()
        if self._refusal is None:
            status = status_from_error(error)
            self._refusal = Refusal(status.code, status.message, trailer_from_status(status))
        return self._refusal


class SheddingHandler(grpc.GenericRpcHandler):
    """Looks whether a call has a place before its handler is run.

    Args:
        inner: The handlers.
        is_behind: Whether calls wait inside gRPC.
    """

    def __init__(
        self, inner: grpc.GenericRpcHandler, shedding: Shedding, is_behind: Callable[[], bool]
    ) -> None:
        self._inner = inner
        self._shedding = shedding
        self._is_behind = is_behind
        # Of a call with streams nothing is read before its handler runs; the caller
        # of a unary call gets the same status.
        self._refusing: Any = grpc.stream_stream_rpc_method_handler(self._refuse)

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        """Return what handles a call."""
        is_publish = details.method == self._shedding.method
        if is_publish and self._shedding.refuses(is_behind=self._is_behind()):
            return self._refusing
        return self._inner.service(details)

    async def _refuse(self, _requests: object, context: Context) -> None:
        await abort(context, self._shedding.overloaded())
