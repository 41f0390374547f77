"""Requests that are no messages, or too large, over real gRPC on every call there is."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from wsp.chat.v1 import chat_pb2

from p2pd.net.pubsub.frames import varint
from tests.p2pd.api.reading import CALL_S, reason_of
from tests.p2pd.api.running import RunningApi

SERVICES = (
    chat_pb2.DESCRIPTOR.services_by_name["ChatService"],
    health_pb2.DESCRIPTOR.services_by_name["Health"],
    reflection_pb2.DESCRIPTOR.services_by_name["ServerReflection"],
)
CALLS = [f"/{service.full_name}/{one.name}" for service in SERVICES for one in service.methods]
V1 = [call.replace("v1alpha", "v1") for call in CALLS if "v1alpha" in call]
MALFORMED = {
    "a tag without an end": b"\xff\xff",
    "a text that is cut": b"\x0a\x10abc",
    "a text that is not UTF-8": b"\x0a\x02\xff\xfe",
    "a group without an end": b"\x0b",
}
MAX_REQUEST_BYTES = 256 * 1024


def refusal(channel: grpc.Channel, call: str, data: bytes) -> grpc.RpcError:
    with pytest.raises(grpc.RpcError) as caught:
        stub: Any = channel.stream_stream(call)
        list(stub(iter([data]), timeout=CALL_S))
    return caught.value


@pytest.mark.parametrize("call", [*CALLS, *V1])
def test_what_cannot_be_decoded_is_the_callers_fault_and_says_so(
    channel: grpc.Channel, call: str
) -> None:
    for what, data in MALFORMED.items():
        if what == "a text that is not UTF-8" and not takes_text_first(call):
            continue
        error = refusal(channel, call, data)
        assert error.code() is grpc.StatusCode.INVALID_ARGUMENT, (what, error)
        assert "cannot be decoded" in (error.details() or ""), what
        assert reason_of(error) == "MALFORMED_REQUEST", what


@pytest.mark.parametrize("call", CALLS)
def test_a_request_over_the_limit_is_refused_by_name(channel: grpc.Channel, call: str) -> None:
    unknown_field = b"\xfa\x7f" + varint(MAX_REQUEST_BYTES) + bytes(MAX_REQUEST_BYTES)
    error = refusal(channel, call, unknown_field)
    assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, error
    assert str(MAX_REQUEST_BYTES) in (error.details() or "")


def test_malformed_requests_are_no_failures_of_the_node(
    api: RunningApi, channel: grpc.Channel
) -> None:
    failed = api.api.counters.calls_failed
    for call in CALLS:
        refusal(channel, call, b"\xff\xff")
    assert api.api.counters.calls_failed == failed


def takes_text_first(call: str) -> bool:
    """Whether field 1 of the request is a text."""
    service, name = call.removeprefix("/").replace(".v1.ServerR", ".v1alpha.ServerR").split("/")
    (found,) = (one for one in SERVICES if one.full_name == service)
    field = found.methods_by_name[name].input_type.fields_by_number.get(1)
    return field is not None and field.type == field.TYPE_STRING
