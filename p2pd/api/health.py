"""``grpc.health.v1``, saying what ``Api.set_serving`` was told and nothing better."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2

from p2pd.api.admission import StreamAdmission
from p2pd.api.changes import Changes
from p2pd.api.grpc_types import Context
from p2pd.api.handlers import SERVICE
from p2pd.api.status_from_error import abort
from p2pd.domain.callers import LOCAL_CALLER
from p2pd.errors import LimitReachedError, NodeStoppingError

HEALTH_SERVICE = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
_NAMES = ("", SERVICE)


class Health:
    """Answer Check and Watch; not serving until told. gRPC thread only."""

    def __init__(self, streams: StreamAdmission) -> None:
        self._streams = streams
        self._changes = Changes()
        self._is_serving = False

    def set_serving(self, is_serving: bool) -> None:
        """Tell callers and watchers whether the node serves."""
        self._is_serving = is_serving
        self._changes.notify()

    def stop(self) -> None:
        """Tell watchers NOT_SERVING and end their streams."""
        self._is_serving = False
        self._changes.stop()

    async def check(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> health_pb2.HealthCheckResponse:
        """Tell the state of a service, or of all with an empty name."""
        if request.service not in _NAMES:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def watch(self, request: health_pb2.HealthCheckRequest, context: Context) -> None:
        """Tell the state of a service now and whenever it changes."""
        try:
            with self._streams.admit(LOCAL_CALLER):
                await self._tell_changes(request.service, context)
        except (LimitReachedError, NodeStoppingError) as error:
            await abort(context, error)

    async def _tell_changes(self, service: str, context: Context) -> None:
        told = None
        while True:
            seen, status = self._changes.version, self._status(service)
            if status != told:
                await context.write(health_pb2.HealthCheckResponse(status=status))
                told = status
            self._changes.check()
            await self._changes.wait(seen)

    def _status(self, service: str) -> health_pb2.HealthCheckResponse.ServingStatus:
        if service not in _NAMES:
            return _UNKNOWN
        return _SERVING if self._is_serving else _NOT_SERVING


def health_handlers(health: Health) -> grpc.GenericRpcHandler:
    """Name the calls of the health service."""
    request, response = health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
    return grpc.method_handlers_generic_handler(
        HEALTH_SERVICE,
        {
            "Check": grpc.unary_unary_rpc_method_handler(
                health.check,
                request_deserializer=request.FromString,
                response_serializer=response.SerializeToString,
            ),
            "Watch": grpc.unary_stream_rpc_method_handler(
                health.watch,
                request_deserializer=request.FromString,
                response_serializer=response.SerializeToString,
            ),
        },
    )
