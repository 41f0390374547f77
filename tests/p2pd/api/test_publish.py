"""Publish over real gRPC: what a caller gets for a message, good or bad."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio
from google.rpc.error_details_pb2 import RetryInfo
from wsp.chat.v1 import chat_pb2

from p2pd.chat.publisher import PublishLimits
from tests.driver.waiting import wait_until
from tests.p2pd.api.reading import (
    CALL_S,
    Follower,
    details_of,
    field_of,
    reason_of,
    status_of,
)
from tests.p2pd.api.running import (
    RunningApi,
    WaitingPublishing,
    publishing_through,
    running_api,
    stub_of,
)


def test_published_message_comes_back_as_an_event_at_the_same_cursor(stub: Any) -> None:
    follower = Follower(stub.Events(chat_pb2.EventsRequest()))
    follower.wait(bool)
    answer = stub.Publish(chat_pb2.PublishRequest(text="grüß dich", client_message_id="one"))
    events = follower.wait(lambda events: len(events) == 2)
    follower.cancel()
    message = events[1].message
    assert events[0].HasField("snapshot")
    assert (message.message_id, events[1].cursor) == (answer.message_id, answer.cursor)
    assert (message.text, message.room) == ("grüß dich", "chat-room")
    assert message.author_id == message.forwarder_id == events[0].snapshot.node.peer_id
    assert message.delivery == chat_pb2.DELIVERY_LIVE
    assert message.client_message_id == "one"
    assert message.send_time.seconds == message.receive_time.seconds or (
        message.receive_time.seconds - message.send_time.seconds <= 2
    )


@pytest.mark.parametrize("other", [{"text": "twice"}, {"room": "lobby"}, {"data": b"once!"}])
def test_client_message_id_of_another_publish_is_refused_by_name(
    stub: Any, other: dict[str, Any]
) -> None:
    stub.JoinRoom(chat_pb2.JoinRoomRequest(room="lobby"))
    first: dict[str, Any] = {"text": "once", "client_message_id": "1"}
    answer = stub.Publish(chat_pb2.PublishRequest(**first))
    with pytest.raises(grpc.RpcError) as caught:
        stub.Publish(chat_pb2.PublishRequest(**(first | other)))
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    assert reason_of(caught.value) == "CLIENT_MESSAGE_ID_REUSED"
    assert field_of(caught.value) == "client_message_id"
    assert stub.Publish(chat_pb2.PublishRequest(**first)) == answer


def test_repeated_client_message_id_gets_the_first_answer(stub: Any) -> None:
    request = chat_pb2.PublishRequest(text="once", client_message_id="repeat")
    assert stub.Publish(request) == stub.Publish(request)


def test_bytes_that_are_not_text_come_as_data(stub: Any) -> None:
    cursor = stub.Publish(chat_pb2.PublishRequest(text="before")).cursor
    stub.Publish(chat_pb2.PublishRequest(data=b"\xff\x00"))
    page = stub.ListMessages(chat_pb2.ListMessagesRequest(after=cursor))
    assert [event.message.data for event in page.messages] == [b"\xff\x00"]
    assert page.messages[0].message.WhichOneof("content") == "data"


@pytest.mark.parametrize(
    ("request_", "code", "reason", "field"),
    [
        ({"text": ""}, "INVALID_ARGUMENT", "EMPTY_MESSAGE", "text"),
        ({}, "INVALID_ARGUMENT", "EMPTY_MESSAGE", "text"),
        ({"text": "x", "room": "a\nb"}, "INVALID_ARGUMENT", "INVALID_ROOM", "room"),
        ({"text": "x", "room": " a"}, "INVALID_ARGUMENT", "INVALID_ROOM", "room"),
        ({"text": "x", "room": "é" * 129}, "INVALID_ARGUMENT", "INVALID_ROOM", "room"),
        (
            {"text": "x", "client_message_id": "i" * 129},
            "INVALID_ARGUMENT",
            "INVALID_CLIENT_MESSAGE_ID",
            "client_message_id",
        ),
        ({"text": "x", "room": "elsewhere"}, "FAILED_PRECONDITION", "ROOM_NOT_JOINED", "room"),
        ({"text": "x" * 32_769}, "OUT_OF_RANGE", "MESSAGE_TOO_LARGE", "text"),
    ],
)
def test_refused_message_names_reason_and_field(
    stub: Any, request_: dict[str, Any], code: str, reason: str, field: str
) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Publish(chat_pb2.PublishRequest(**request_))
    assert caught.value.code().name == code
    assert (reason_of(caught.value), field_of(caught.value)) == (reason, field)
    assert status_of(caught.value).message == caught.value.details()


def test_largest_message_is_taken(stub: Any) -> None:
    assert stub.Publish(chat_pb2.PublishRequest(text="x" * 32_768)).message_id


def test_request_over_the_receive_limit_is_refused_and_the_connection_stays(stub: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        stub.Publish(chat_pb2.PublishRequest(text="x" * 300_000))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert stub.Publish(chat_pb2.PublishRequest(text="still here")).message_id


def test_publish_over_the_rate_tells_when_to_come_back(tmp_path: Path) -> None:
    limits = PublishLimits(max_message_bytes=32_768, rate_per_s=0.5, burst=1)
    with running_api(tmp_path, limits=limits) as api, api.channel() as channel:
        stub = stub_of(channel)
        stub.Publish(chat_pb2.PublishRequest(text="first"))
        with pytest.raises(grpc.RpcError) as caught:
            stub.Publish(chat_pb2.PublishRequest(text="second"))
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason_of(caught.value) == "PUBLISH_RATE"
    delay = details_of(status_of(caught.value))[RetryInfo].retry_delay
    assert 0 < delay.seconds + delay.nanos / 1e9 <= 2


def test_burst_of_1000_publishes_from_one_caller_is_all_accepted(
    api: RunningApi, stub: Any
) -> None:
    outcomes = publish_burst(stub, 1_000)
    assert outcomes == {"OK": 1_000}
    assert api.api.counters.calls_failed == 0


class SlowPublishing(WaitingPublishing):
    """A disk and peers that keep each burst waiting."""

    async def publish(self, publishes: Any, accepted: Any = None) -> Any:
        await trio.sleep(0.2)
        return await self._inner.publish(publishes, accepted)


class FailingPublishing(WaitingPublishing):
    """A fault of the node's own."""

    async def publish(self, publishes: Any, accepted: Any = None) -> Any:
        raise RuntimeError("the words of a fault are for the log")


def test_burst_beyond_what_may_wait_is_answered_or_refused_by_name(tmp_path: Path) -> None:
    bounds: dict[str, Any] = {"max_active_publishes": 16, "max_waiting_calls": 100}
    with (
        running_api(tmp_path, change=publishing_through(SlowPublishing), **bounds) as api,
        api.channel() as channel,
    ):
        outcomes = publish_burst(stub_of(channel), 1_000)
        assert set(outcomes) == {"OK", "RESOURCE_EXHAUSTED TOO_MANY_CALLS"}
        assert outcomes["OK"] >= 116
        assert sum(outcomes.values()) == 1_000
        assert api.api.counters.calls_refused == outcomes["RESOURCE_EXHAUSTED TOO_MANY_CALLS"]


def test_publish_goes_on_when_its_caller_is_gone(tmp_path: Path) -> None:
    with (
        running_api(tmp_path, change=publishing_through(SlowPublishing)) as api,
        api.channel() as channel,
    ):
        stub = stub_of(channel)
        call = stub.Publish.future(chat_pb2.PublishRequest(text="kept"))
        wait_until(lambda: api.api.counters.calls_active, lambda active: active == 1)
        call.cancel()
        wait_until(lambda: api.log.store.last_offset, lambda offset: offset == 1)
        assert api.api.counters.calls_failed == 0


def test_fault_of_the_node_is_told_without_its_words(tmp_path: Path) -> None:
    with (
        running_api(tmp_path, change=publishing_through(FailingPublishing)) as api,
        api.channel() as channel,
    ):
        with pytest.raises(grpc.RpcError) as caught:
            stub_of(channel).Publish(chat_pb2.PublishRequest(text="x"))
        assert caught.value.code() is grpc.StatusCode.INTERNAL
        assert reason_of(caught.value) == "INTERNAL"
        assert "fault" not in str(caught.value.details())
        assert api.api.counters.calls_failed == 1
        assert stub_of(channel).GetNode(chat_pb2.GetNodeRequest()).node.peer_id


def publish_burst(stub: Any, count: int) -> Counter[str]:
    """Publish without a pause; return how the calls ended."""
    calls = [
        stub.Publish.future(chat_pb2.PublishRequest(text=f"burst {number}"), timeout=CALL_S)
        for number in range(count)
    ]
    return Counter(_outcome(call) for call in calls)


def _outcome(call: Any) -> str:
    error = call.exception()
    return "OK" if error is None else f"{error.code().name} {reason_of(error)}"
