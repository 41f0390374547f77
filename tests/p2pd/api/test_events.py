"""Events over real gRPC: readers from any cursor, slow ones, many of them, none lost."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from wsp.chat.v1 import chat_pb2

from p2pd.domain.events import PeerConnected
from p2pd.domain.names import RoomName
from tests.driver.waiting import wait_until
from tests.p2pd.api.reading import Follower, field_of, reason_of
from tests.p2pd.api.running import RunningApi, running_api, stub_of
from tests.p2pd.facts import make_message, make_peer


def append(api: RunningApi, count: int, data: bytes = b"hello", first: int = 1) -> None:
    messages = [make_message(number, data=data) for number in range(first, first + count)]
    api.on_trio(api.log.append, messages)


def test_reader_resumes_behind_its_cursor_without_hole_or_repeat(stub: Any) -> None:
    cursors = [stub.Publish(chat_pb2.PublishRequest(text=f"n{n}")).cursor for n in range(5)]
    follower = Follower(stub.Events(chat_pb2.EventsRequest(after=cursors[1])))
    events = follower.wait(lambda events: len(events) >= 4)
    stub.Publish(chat_pb2.PublishRequest(text="live"))
    follower.wait(lambda events: len(events) >= 5)
    follower.cancel()
    assert events[0].HasField("snapshot")
    assert follower.texts == ["n2", "n3", "n4", "live"]
    assert [event.cursor for event in events[1:4]] == cursors[2:]


def test_empty_cursor_is_the_beginning_of_the_log(tmp_path: Path) -> None:
    with running_api(tmp_path) as api, api.channel() as channel:
        append(api, 3)
        follower = Follower(stub_of(channel).Events(chat_pb2.EventsRequest(after="")))
        events = follower.wait(lambda events: len(events) == 5)
        assert len(follower.batches) == 1, "what is there already comes in one batch"
        assert events[-1].HasField("caught_up")


def test_end_of_the_backlog_is_reported_once_to_a_reader_with_a_cursor(tmp_path: Path) -> None:
    with running_api(tmp_path) as api, api.channel() as channel:
        stub = stub_of(channel)
        append(api, 3)
        resumed = Follower(stub.Events(chat_pb2.EventsRequest(after="")))
        fresh = Follower(stub.Events(chat_pb2.EventsRequest()))
        resumed.wait(lambda events: kinds_of(events) == ["snapshot", *["message"] * 3, "caught_up"])
        fresh.wait(bool)
        append(api, 2, first=10)
        resumed.wait(lambda events: kinds_of(events)[4:] == ["caught_up", *["message"] * 2])
        fresh.wait(lambda events: kinds_of(events) == ["snapshot", *["message"] * 2])
        last = resumed.events[4].cursor
        assert last == resumed.events[3].cursor


def test_reader_of_one_room_gets_a_cursor_behind_messages_of_others(tmp_path: Path) -> None:
    with running_api(tmp_path, progress_interval_s=0.2) as api, api.channel() as channel:
        stub = stub_of(channel)
        stub.JoinRoom(chat_pb2.JoinRoomRequest(room="quiet"))
        follower = Follower(stub.Events(chat_pb2.EventsRequest(rooms=["quiet"])))
        follower.wait(bool)
        append(api, 5)
        events = follower.wait(lambda events: kinds_of(events)[-1:] == ["progress"])
        expected = api.on_trio(api.log.cursor, 5)
        assert (kinds_of(events), events[-1].cursor) == (["snapshot", "progress"], expected)
        resumed = stub.Events(chat_pb2.EventsRequest(rooms=["quiet"], after=expected))
        assert kinds_of(next(iter(resumed)).events) == ["snapshot", "caught_up"]


def test_reader_that_gets_events_gets_no_progress(tmp_path: Path) -> None:
    with running_api(tmp_path, progress_interval_s=0.05) as api, api.channel() as channel:
        follower = Follower(stub_of(channel).Events(chat_pb2.EventsRequest()))
        follower.wait(bool)
        for number in range(1, 6):
            append(api, 1, first=number)
            wait_until(lambda: len(follower.events), (number + 1).__eq__)
        assert kinds_of(follower.events) == ["snapshot", *["message"] * 5]


def kinds_of(events: Iterable[chat_pb2.Event]) -> list[str | None]:
    return [event.WhichOneof("event") for event in events]


def test_unknown_cursor_is_told_as_a_gap(stub: Any) -> None:
    follower = Follower(stub.Events(chat_pb2.EventsRequest(after="00000000-1")))
    events = follower.wait(lambda events: len(events) >= 2)
    follower.cancel()
    assert events[1].gap.reason == chat_pb2.GAP_REASON_UNKNOWN_CURSOR


def test_facts_about_peers_come_as_events(api: RunningApi, stub: Any) -> None:
    follower = Follower(stub.Events(chat_pb2.EventsRequest()))
    follower.wait(bool)
    api.on_trio(api.log.emit, PeerConnected(make_peer("somebody")))
    events = follower.wait(lambda events: len(events) == 2)
    follower.cancel()
    assert events[1].peer_connected.peer.peer_id == "somebody"


def test_reader_of_one_room_hears_only_that_room(api: RunningApi, stub: Any) -> None:
    stub.JoinRoom(chat_pb2.JoinRoomRequest(room="side"))
    follower = Follower(stub.Events(chat_pb2.EventsRequest(rooms=["side"])))
    follower.wait(bool)
    stub.Publish(chat_pb2.PublishRequest(text="main"))
    stub.Publish(chat_pb2.PublishRequest(text="aside", room="side"))
    wait_until(lambda: follower.texts)
    follower.cancel()
    assert follower.texts == ["aside"]
    stub.LeaveRoom(chat_pb2.LeaveRoomRequest(room="side"))


@pytest.mark.parametrize(
    ("room", "code", "reason"),
    [
        ("a\x00b", "INVALID_ARGUMENT", "INVALID_ROOM"),
        (" a", "INVALID_ARGUMENT", "INVALID_ROOM"),
        ("elsewhere", "FAILED_PRECONDITION", "ROOM_NOT_JOINED"),
    ],
)
def test_reader_of_a_wrong_room_is_told(stub: Any, room: str, code: str, reason: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        next(iter(stub.Events(chat_pb2.EventsRequest(rooms=[room]))))
    error = caught.value
    assert (error.code().name, reason_of(error), field_of(error)) == (code, reason, "rooms")


def test_stream_ends_where_the_caller_has_what_follows(stub: Any) -> None:
    cursors = [stub.Publish(chat_pb2.PublishRequest(text=f"n{n}")).cursor for n in range(5)]
    asked = chat_pb2.EventsRequest(after=cursors[0], until=["unknown", cursors[4], cursors[2]])
    events = [event for batch in stub.Events(asked) for event in batch.events]
    assert kinds_of(events) == ["snapshot", "message", "message"]
    assert [event.cursor for event in events[1:]] == cursors[1:3]


def test_batches_stay_near_256_kib(tmp_path: Path) -> None:
    with running_api(tmp_path) as api, api.channel() as channel:
        append(api, 100, data=b"x" * 20_000)
        follower = Follower(stub_of(channel).Events(chat_pb2.EventsRequest(after="")))
        follower.wait(lambda events: kinds_of(events)[-1:] == ["caught_up"])
        assert len(follower.texts) == 100
        sizes = [batch.ByteSize() for batch in follower.batches]
        assert max(sizes) <= 256 * 1024
        assert len(sizes) < 20


def test_event_is_encoded_once_for_all_readers(tmp_path: Path) -> None:
    with running_api(tmp_path) as api, api.channel() as channel:
        stub = stub_of(channel)
        followers = [Follower(stub.Events(chat_pb2.EventsRequest())) for _ in range(3)]
        for follower in followers:
            follower.wait(bool)
        append(api, 1)
        for follower in followers:
            wait_until(partial(getattr, follower, "texts"))
        entry = next(entry for _, entry in api.log.tail.iterate(api.log.tail.end - 1))
        assert (
            entry.encoded
            == chat_pb2.EventsResponse(events=[followers[0].events[-1]]).SerializeToString()
        )


def test_reader_that_never_reads_costs_the_others_nothing(tmp_path: Path) -> None:
    rounds, count, data = 40, 100, b"x" * 10_000
    with running_api(tmp_path) as api, api.channel() as lazy, api.channel() as channel:
        idle = [stub_of(lazy).Events(chat_pb2.EventsRequest()) for _ in range(5)]
        follower = Follower(stub_of(channel).Events(chat_pb2.EventsRequest()))
        follower.wait(bool)
        wait_until(lambda: api.api.counters.streams_open, lambda open_: open_ == 6)
        for number in range(rounds):
            append(api, count, data, first=1 + number * count)
            wanted = (number + 1) * count
            wait_until(lambda: len(follower.texts), wanted.__le__)
        ids = [event.message.message_id for event in follower.events[1 : rounds * count + 1]]
        assert ids == [f"{number:032x}" for number in range(1, rounds * count + 1)]
        for call in idle:
            call.cancel()
        wait_until(lambda: api.api.counters.streams_open, lambda open_: open_ == 1)
        assert api.api.counters.calls_failed == 0


def test_late_reader_gets_everything_that_is_kept(tmp_path: Path) -> None:
    count = 20_000  # more than the tail of the log holds
    with running_api(tmp_path) as api, api.channel() as channel:
        append(api, count)
        follower = Follower(stub_of(channel).Events(chat_pb2.EventsRequest(after="")))
        wait_until(lambda: len(follower.texts), lambda seen: seen == count)
        ids = [event.message.message_id for event in follower.events[1 : count + 1]]
        assert ids == [f"{number:032x}" for number in range(1, count + 1)]
        assert not any(event.HasField("gap") for event in follower.events)


def test_streams_above_the_bound_are_refused_by_name(tmp_path: Path) -> None:
    with running_api(tmp_path, max_streams=3) as api, api.channel() as channel:
        stub = stub_of(channel)
        open_ = [Follower(stub.Events(chat_pb2.EventsRequest())) for _ in range(3)]
        for follower in open_:
            follower.wait(bool)
        refused = Follower(stub.Events(chat_pb2.EventsRequest())).wait_end()
        assert refused.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert reason_of(refused) == "TOO_MANY_STREAMS"
        assert api.api.counters.streams_refused == 1
        open_[0].cancel()
        wait_until(lambda: api.api.counters.streams_open, lambda count: count == 2)
        Follower(stub.Events(chat_pb2.EventsRequest())).wait(bool)


def test_200_readers_each_get_every_event(tmp_path: Path) -> None:
    with running_api(tmp_path) as api, contextlib.ExitStack() as stack:
        stubs = [stub_of(stack.enter_context(api.channel())) for _ in range(4)]
        followers = [
            Follower(stubs[n % len(stubs)].Events(chat_pb2.EventsRequest())) for n in range(200)
        ]
        for follower in followers:
            follower.wait(bool)
        for number in range(10):
            append(api, 10, first=1 + 10 * number)
        wait_until(lambda: sum(len(one.texts) for one in followers), lambda seen: seen == 200 * 100)


def test_room_name_with_every_shape_of_text_survives(stub: Any) -> None:
    name = RoomName("räum #1/…")
    assert stub.JoinRoom(chat_pb2.JoinRoomRequest(room=name)).room.name == name
    stub.LeaveRoom(chat_pb2.LeaveRoomRequest(room=name))
