"""Server reflection, v1alpha and v1, so that grpcurl needs no proto files.

The library speaks v1alpha only. v1 is the same messages under another package
name, so its descriptors are made from those of v1alpha and the same answers
serve both.

Source: grpc, doc/server-reflection.md.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import grpc
from google.protobuf import descriptor_pool, text_format
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha._async import ReflectionServicer

from p2pd.api.admission import StreamAdmission
from p2pd.api.grpc_types import Context
from p2pd.api.request_from_bytes import requests_from_bytes
from p2pd.api.status_from_error import abort
from p2pd.domain.callers import LOCAL_CALLER
from p2pd.errors import ChatError

V1ALPHA = "grpc.reflection.v1alpha"
V1 = "grpc.reflection.v1"
_SERVICE = "ServerReflection"


def reflection_handlers(
    services: list[str], streams: StreamAdmission
) -> list[grpc.GenericRpcHandler]:
    """Describe ``services`` and reflection itself, in both versions."""
    _add_v1_descriptors()
    packages = (V1ALPHA, V1)
    names = [*services, *(f"{package}.{_SERVICE}" for package in packages)]
    reflection = Reflection(names, streams)
    return [_handlers(package, reflection) for package in packages]


class Reflection:
    """Answer what callers ask about the services; bounded in streams."""

    def __init__(self, services: list[str], streams: StreamAdmission) -> None:
        self._servicer = ReflectionServicer(services)  # type: ignore[no-untyped-call]
        self._streams = streams

    async def answer(
        self,
        stream: AsyncIterator[bytes],
        context: Context,
    ) -> AsyncIterator[reflection_pb2.ServerReflectionResponse]:
        """Answer each request of a stream."""
        requests = requests_from_bytes(reflection_pb2.ServerReflectionRequest, stream)
        try:
            with self._streams.admit(LOCAL_CALLER):
                async for response in self._servicer.ServerReflectionInfo(requests, context):
                    yield response
        except ChatError as error:
            await abort(context, error)


def _handlers(package: str, reflection: Reflection) -> grpc.GenericRpcHandler:
    return grpc.method_handlers_generic_handler(
        f"{package}.{_SERVICE}",
        {
            "ServerReflectionInfo": grpc.stream_stream_rpc_method_handler(
                reflection.answer,
                request_deserializer=None,
                response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
            )
        },
    )


def _add_v1_descriptors() -> None:
    pool = descriptor_pool.Default()
    source = FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(source)
    renamed = text_format.MessageToString(source).replace(V1ALPHA, V1).replace("v1alpha", "v1")
    pool.AddSerializedFile(text_format.Parse(renamed, FileDescriptorProto()).SerializeToString())
