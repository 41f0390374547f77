"""PublishStream over real gRPC: order, a result each, and a reader that holds back."""

from __future__ import annotations

import queue
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
import trio
from wsp.chat.v1 import chat_pb2

from p2pd.api.ports import Publishing
from p2pd.api.publish_pipeline import MAX_BATCH
from p2pd.chat.publisher import PublishLimits
from p2pd.domain.publishes import Published
from tests.driver.waiting import wait_until
from tests.p2pd.api.reading import CALL_S, Follower, field_of, reason_of
from tests.p2pd.api.running import WaitingPublishing, publishing_through, running_api, stub_of


def request(*texts: str, prefix: str = "") -> chat_pb2.PublishStreamRequest:
    return chat_pb2.PublishStreamRequest(
        publishes=[
            chat_pb2.PublishRequest(text=text, client_message_id=f"{prefix}{text}")
            for text in texts
        ]
    )


def results_of(stub: Any, requests: Iterable[Any]) -> list[chat_pb2.PublishResult]:
    responses = stub.PublishStream(iter(requests), timeout=CALL_S)
    return [result for response in responses for result in response.results]


def test_every_publish_is_answered_in_order(stub: Any) -> None:
    texts = [f"s{number}" for number in range(3_000)]
    requests = [request(*texts[start : start + 100]) for start in range(0, 3_000, 100)]
    results = results_of(stub, requests)
    assert [result.client_message_id for result in results] == texts
    ids = {result.published.message_id for result in results}
    assert len(ids) == 3_000
    page = stub.ListMessages(chat_pb2.ListMessagesRequest(limit=1_000))
    assert [event.message.text for event in page.messages] == texts[-1_000:]


def test_error_of_one_publish_leaves_the_others_alone(stub: Any) -> None:
    publishes = [
        chat_pb2.PublishRequest(text="good", client_message_id="a"),
        chat_pb2.PublishRequest(text="", client_message_id="b"),
        chat_pb2.PublishRequest(text="x", room="a\nb", client_message_id="c"),
        chat_pb2.PublishRequest(text="x", room="elsewhere", client_message_id="d"),
        chat_pb2.PublishRequest(text="good too", client_message_id="e"),
    ]
    results = results_of(stub, [chat_pb2.PublishStreamRequest(publishes=publishes)])
    assert [result.client_message_id for result in results] == list("abcde")
    codes = [result.error.code if result.HasField("error") else 0 for result in results]
    invalid, precondition = 3, 9
    assert codes == [0, invalid, invalid, precondition, 0]


def test_stream_without_requests_ends_well(stub: Any) -> None:
    assert results_of(stub, []) == []


@pytest.mark.parametrize("size", [0, 1_001])
def test_request_outside_the_bounds_ends_the_stream_behind_what_came_before(
    stub: Any, size: int
) -> None:
    wrong = request(*("x" * size))
    responses = stub.PublishStream(iter([request("before", prefix=str(size)), wrong]))
    assert next(responses).results[0].HasField("published")
    with pytest.raises(grpc.RpcError) as caught:
        next(responses)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (reason_of(caught.value), field_of(caught.value)) == ("INVALID_BATCH", "publishes")


def test_refusals_over_the_rate_come_as_results(tmp_path: Path) -> None:
    limits = PublishLimits(max_message_bytes=32_768, rate_per_s=0.001, burst=2)
    with running_api(tmp_path, limits=limits) as api, api.channel() as channel:
        results = results_of(stub_of(channel), [request("a", "b", "c")])
    assert [result.WhichOneof("outcome") for result in results] == [
        "published",
        "published",
        "error",
    ]


def test_answers_come_while_the_stream_is_open(stub: Any) -> None:
    asked: queue.Queue[Any] = queue.Queue()
    responses = stub.PublishStream(iter(asked.get, None), timeout=CALL_S)
    for text in ("one", "two", "three"):
        asked.put(request(text))
        assert next(responses).results[0].client_message_id == text
    asked.put(None)
    assert list(responses) == []


class HeldPublishing(WaitingPublishing):
    """Publishes nothing until the gate opens, and records what it was given."""

    batches: list[int]
    gate: trio.Event

    async def publish(self, publishes: Any, accepted: Any = None) -> Any:
        self.batches.append(len(publishes))
        await self.gate.wait()
        return await self._inner.publish(publishes, accepted)


def test_server_stops_reading_while_too_much_is_in_hand(tmp_path: Path) -> None:
    taken: list[int] = []
    total, a_request = 200, 100

    def requests() -> Iterator[Any]:
        for number in range(total):
            taken.append(number)
            yield request(*("y" * 1_000 for _ in range(a_request)), prefix=str(number))

    HeldPublishing.batches, HeldPublishing.gate = [], trio.Event()
    with (
        running_api(tmp_path, change=publishing_through(HeldPublishing)) as api,
        api.channel() as channel,
    ):
        responses = stub_of(channel).PublishStream(requests(), timeout=60)
        wait_until(lambda: HeldPublishing.batches)
        wait_until(lambda: _stays_at(taken), lambda stays: stays)
        in_hand = len(taken) * a_request
        assert in_hand < total * a_request / 2, f"the server let the caller send {len(taken)}"
        api.on_trio(HeldPublishing.gate.set)
        results = [result for response in responses for result in response.results]
    assert len(results) == total * a_request
    assert max(HeldPublishing.batches) <= MAX_BATCH


def test_what_was_read_is_answered_when_the_api_stops(tmp_path: Path) -> None:
    asked: queue.Queue[Any] = queue.Queue()
    HeldPublishing.batches, HeldPublishing.gate = [], trio.Event()
    with (
        running_api(tmp_path, change=publishing_through(HeldPublishing)) as api,
        api.channel() as channel,
    ):
        follower = Follower(stub_of(channel).PublishStream(iter(asked.get, None)))
        asked.put(request("kept"))
        wait_until(lambda: HeldPublishing.batches)
        api.ask_to_stop()
        api.on_trio(HeldPublishing.gate.set)
        end = follower.wait_end()
    asked.put(None)
    results = [result for batch in follower.batches for result in batch.results]
    assert [result.client_message_id for result in results] == ["kept"]
    assert results[0].HasField("published")
    assert end.code() is grpc.StatusCode.UNAVAILABLE
    assert reason_of(end) == "NODE_STOPPING"
    assert api.log.store.last_offset == 1


class SlowDisk(WaitingPublishing):
    """Publishes, and holds the answers of what reached the log back until the gate opens."""

    gate: trio.Event

    async def publish(self, publishes: Any, accepted: Any = None) -> Any:
        outcomes = await self._inner.publish(publishes, accepted)
        if any(isinstance(outcome, Published) for outcome in outcomes):
            await self.gate.wait()
        return outcomes


class SlowFsync(SlowDisk):
    """The same by calls, whose answers come from a thread of their own, the last one first."""

    def __init__(self, inner: Publishing) -> None:
        super().__init__(inner)
        self._held: list[Any] = []

    def publish_now(self, publishes: Any, settled: Any) -> bool:
        def hold(outcomes: Any) -> None:
            if any(isinstance(outcome, Published) for outcome in outcomes):
                self._held.append(partial(settled, outcomes))
            else:
                settled(outcomes)

        if not self._held:
            trio.lowlevel.spawn_system_task(self._answer_at_gate)
        return self._inner.publish_now(publishes, hold)

    async def _answer_at_gate(self) -> None:
        await self.gate.wait()
        for answer in reversed(self._held):
            await trio.to_thread.run_sync(answer)


@pytest.mark.parametrize("disk", [SlowDisk, SlowFsync])
def test_publishes_reach_the_log_while_answers_before_them_wait_for_the_disk(
    tmp_path: Path, disk: type[SlowDisk]
) -> None:
    asked: queue.Queue[Any] = queue.Queue()
    SlowDisk.gate = trio.Event()
    with (
        running_api(tmp_path, change=publishing_through(disk)) as api,
        api.channel() as channel,
    ):
        follower = Follower(stub_of(channel).PublishStream(iter(asked.get, None)))
        for offset, text in enumerate(("first", "second", "third"), start=1):
            asked.put(request(text))
            wait_until(lambda: api.log.store.last_offset, offset.__eq__)
        asked.put(request(""))
        assert not follower.batches
        api.on_trio(SlowDisk.gate.set)
        results = wait_until(
            lambda: [result for batch in follower.batches for result in batch.results],
            lambda results: len(results) == 4,
        )
        asked.put(None)
    assert [result.client_message_id for result in results] == ["first", "second", "third", ""]
    assert [result.HasField("published") for result in results] == [True, True, True, False]
    stored = [one.message.data for one in api.log.store.read(0, 3, 1 << 20)]
    assert stored == [b"first", b"second", b"third"]


def _stays_at(taken: list[int]) -> bool:
    """Tell whether the sender has been held at one place for a while."""
    before = len(taken)
    try:
        wait_until(lambda: len(taken), lambda now: now != before, timeout_s=1.0)
    except AssertionError:
        return True
    return False
