"""Reflection as grpcurl speaks it, in both versions."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from grpc_reflection.v1alpha import reflection_pb2

from tests.p2pd.api.reading import CALL_S

VERSIONS = ["v1alpha", "v1"]
Request = reflection_pb2.ServerReflectionRequest


def ask(channel: grpc.Channel, version: str, *requests: Any) -> list[Any]:
    call = channel.stream_stream(
        f"/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo",
        request_serializer=Request.SerializeToString,
        response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
    )
    return list(call(iter(requests), timeout=CALL_S))


def files_of(response: Any) -> dict[str, FileDescriptorProto]:
    encoded = response.file_descriptor_response.file_descriptor_proto
    files = [FileDescriptorProto.FromString(one) for one in encoded]
    return {file.name: file for file in files}


@pytest.mark.parametrize("version", VERSIONS)
def test_services_are_listed(channel: grpc.Channel, version: str) -> None:
    (response,) = ask(channel, version, Request(list_services="*"))
    assert {service.name for service in response.list_services_response.service} == {
        "wsp.chat.v1.ChatService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "grpc.reflection.v1.ServerReflection",
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_every_listed_service_is_described_with_all_that_it_imports(
    channel: grpc.Channel, version: str
) -> None:
    (listed,) = ask(channel, version, Request(list_services="*"))
    names = [service.name for service in listed.list_services_response.service]
    responses = ask(channel, version, *(Request(file_containing_symbol=name) for name in names))
    for name, response in zip(names, responses, strict=True):
        files = files_of(response)
        services = {f"{file.package}.{one.name}" for file in files.values() for one in file.service}
        assert name in services
        for file in files.values():
            assert set(file.dependency) <= set(files)


def test_details_of_errors_can_be_looked_up(channel: grpc.Channel) -> None:
    (response,) = ask(channel, "v1alpha", Request(file_containing_symbol="google.rpc.ErrorInfo"))
    assert "google/rpc/error_details.proto" in files_of(response)


def test_unknown_symbol_is_not_found(channel: grpc.Channel) -> None:
    (response,) = ask(channel, "v1", Request(file_containing_symbol="nothing.here"))
    assert response.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
