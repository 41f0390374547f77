"""Who may call, over real gRPC: beyond loopback nobody without the token."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2
from wsp.chat.v1 import chat_pb2

from p2pd.api.errors import ApiSettingsError
from p2pd.api.handlers import SERVICE
from tests.p2pd.api.reading import CALL_S, reason_of
from tests.p2pd.api.running import RunningApi, health_stub_of, running_api, stub_of

TOKEN = "a-token-that-nobody-guesses"
METHODS = list(chat_pb2.DESCRIPTOR.services_by_name["ChatService"].methods)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApi]:
    data_dir = tmp_path_factory.mktemp("guarded")
    with running_api(data_dir, "0.0.0.0:0", token=TOKEN) as running:
        yield running


@pytest.fixture
def channel(guarded: RunningApi) -> Iterator[grpc.Channel]:
    port = guarded.address.rpartition(":")[2]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel


def call_any(channel: grpc.Channel, method: Any, metadata: Any) -> list[Any]:
    """Call a method whatever its shape, with an empty request."""
    stub: Any = channel.stream_stream(f"/{SERVICE}/{method.name}")
    return list(stub(iter([b""]), metadata=metadata, timeout=CALL_S))


@pytest.mark.parametrize("method", METHODS, ids=lambda method: method.name)
@pytest.mark.parametrize(
    "metadata",
    [
        [],
        [("authorization", "Bearer wrong")],
        [("authorization", f"Bearer {TOKEN} ")],
        [("authorization", "Bearer ")],
        [("authorization", TOKEN)],
        [("authorization", f"Basic {TOKEN}")],
        [("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer wrong")],
    ],
    ids=["none", "wrong", "longer", "empty", "no scheme", "other scheme", "two"],
)
def test_call_without_the_token_is_unauthenticated(
    channel: grpc.Channel, method: Any, metadata: Any
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        call_any(channel, method, metadata)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert reason_of(caught.value) == "TOKEN_REQUIRED"


def test_silent_stream_is_refused_before_it_sends_anything(channel: grpc.Channel) -> None:
    asked: queue.Queue[Any] = queue.Queue()
    responses = stub_of(channel).PublishStream(iter(asked.get, None), timeout=CALL_S)
    with pytest.raises(grpc.RpcError) as caught:
        next(responses)
    asked.put(None)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_unknown_service_is_refused_as_well(channel: grpc.Channel) -> None:
    call: Any = channel.unary_unary("/later.Service/Call")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"", timeout=CALL_S)
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_token_opens_calls_and_streams(channel: grpc.Channel, scheme: str) -> None:
    metadata = [("authorization", f"{scheme} {TOKEN}")]
    stub = stub_of(channel)
    assert stub.Publish(chat_pb2.PublishRequest(text="x"), metadata=metadata).message_id
    events = stub.Events(chat_pb2.EventsRequest(), metadata=metadata)
    assert next(events).events[0].HasField("snapshot")
    events.cancel()


def test_health_needs_no_token(channel: grpc.Channel) -> None:
    health = health_stub_of(channel)
    answer = health.Check(health_pb2.HealthCheckRequest(), timeout=CALL_S)
    assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING


def test_loopback_is_open_even_where_there_is_a_token(tmp_path: Path) -> None:
    with running_api(tmp_path, token=TOKEN) as api, api.channel() as channel:
        assert stub_of(channel).GetNode(chat_pb2.GetNodeRequest())


def test_beyond_loopback_without_a_token_does_not_start(tmp_path: Path) -> None:
    with (
        pytest.raises(ApiSettingsError, match="there is no token"),
        running_api(tmp_path, "0.0.0.0:0"),
    ):
        pass


def test_beyond_loopback_is_open_only_when_told_by_name(tmp_path: Path) -> None:
    with running_api(tmp_path, "0.0.0.0:0", allow_open=True) as api:
        port = api.address.rpartition(":")[2]
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            assert stub_of(channel).GetNode(chat_pb2.GetNodeRequest())
