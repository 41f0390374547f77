"""``grpc.health.v1``, saying what ``Api.set_serving`` was called with."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
from grpc_health.v1 import health_pb2

from p2pd.api.admission import StreamAdmission
from p2pd.api.changes import Changes
from p2pd.api.grpc_types import Context
from p2pd.api.handlers import SERVICE
from p2pd.api.request_from_bytes import with_decoded_request
from p2pd.api.status_from_error import abort
from p2pd.domain.callers import LOCAL_CALLER
from p2pd.errors import ChatError

HEALTH_SERVICE = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
_NAMES = ("", SERVICE)

R = TypeVar("R")


class Health:
    """Answer Check and Watch; not serving at first. gRPC thread only."""

    def __init__(self, streams: StreamAdmission) -> None:
        self._streams = streams
        self._changes = Changes()
        self._is_serving = False

    def set_serving(self, is_serving: bool) -> None:
        """Report to callers and watchers whether the node serves."""
        self._is_serving = is_serving
        self._changes.notify()

    def stop(self) -> None:
        """Report NOT_SERVING to watchers and end their streams."""
        self._is_serving = False
        self._changes.stop()

    async def check(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Return the state of a service, or of all with an empty name."""
        if request.service not in _NAMES:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        """Report the state of a service now and whenever it changes."""
        with self._streams.admit(LOCAL_CALLER):
            await self._report_changes(request.service, context)

    async def _report_changes(self, service: str, context: Context) -> None:
        reported = None
        while True:
            seen, status = self._changes.version, self._status(service)
            if status != reported:
                await context.write(health_pb2.HealthCheckResponse(status=status))
                reported = status
            self._changes.check()
            await self._changes.wait(seen)

    def _status(self, service: str) -> health_pb2.HealthCheckResponse.ServingStatus:
        if service not in _NAMES:
            return _UNKNOWN
        return _SERVING if self._is_serving else _NOT_SERVING


def _ended_by_status(
    method: Callable[[bytes, Context], Awaitable[R]],
) -> Callable[[bytes, Context], Awaitable[R]]:
    """Let a refusal end the call as a status."""

    async def answer(data: bytes, context: Context) -> R:
        try:
            return await method(data, context)
        except ChatError as error:
            await abort(context, error)

    return answer


def health_handlers(health: Health) -> grpc.GenericRpcHandler:
    """Name the calls of the health service."""
    request, response = health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
    return grpc.method_handlers_generic_handler(
        HEALTH_SERVICE,
        {
            "Check": grpc.unary_unary_rpc_method_handler(
                _ended_by_status(with_decoded_request(request, health.check)),
                request_deserializer=None,
                response_serializer=response.SerializeToString,
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(
                _ended_by_status(with_decoded_request(request, health.watch)),
                request_deserializer=None,
                response_serializer=response.SerializeToString,
            ),
        },
    )
