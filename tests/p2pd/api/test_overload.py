"""Callers that ask for more than the node does: bounded, refused by name, nothing lost."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import trio
from google.rpc.error_details_pb2 import RetryInfo
from wsp.chat.v1 import chat_pb2

from p2pd.api.admission import Patience
from p2pd.api.in_hand import LEAST_SHARE, InHand
from p2pd.api.ports import Publishing
from tests.driver.waiting import wait_until
from tests.p2pd.api.reading import CALL_S, details_of, reason_of, status_of
from tests.p2pd.api.running import (
    RunningApi,
    WaitingPublishing,
    publishing_through,
    running_api,
    stub_of,
)

MAX_ACTIVE = 8
FLOODING = 64
OVERLOADED = "OVERLOADED"


class Counting(WaitingPublishing):
    """Publishes slowly, and counts how many are under way at most."""

    under_way = 0
    most = 0

    def __init__(self, inner: Publishing) -> None:
        super().__init__(inner)
        Counting.under_way = Counting.most = 0

    async def publish(self, publishes: Any, accepted: Any = None) -> Any:
        Counting.under_way += len(publishes)
        Counting.most = max(Counting.most, Counting.under_way)
        try:
            await trio.sleep(0.02)
            return await self._inner.publish(publishes, accepted)
        finally:
            Counting.under_way -= len(publishes)


class Flood:
    """Keeps so many Publish calls under way until its block ends.

    Attributes:
        published: The ids that were acknowledged, by text.
        refused: How often, by status and reason.
    """

    def __init__(self, stub: Any, count: int) -> None:
        self.published: dict[str, str] = {}
        self.refused: Counter[str] = Counter()
        self.retry_s: set[float] = set()
        self._stub = stub
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(count)]

    def _run(self, number: int) -> None:
        count = 0
        while not self._is_over.is_set():
            text = f"{number}-{count}"
            count += 1
            try:
                answer = self._stub.Publish(chat_pb2.PublishRequest(text=text), timeout=CALL_S)
            except grpc.RpcError as error:
                self.refused[f"{error.code().name} {reason_of(error)}"] += 1
                delay = details_of(status_of(error))[RetryInfo].retry_delay
                self.retry_s.add(delay.seconds + delay.nanos / 1e9)
            else:
                self.published[text] = answer.message_id

    def __enter__(self) -> Flood:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()


@contextmanager
def slow_api(tmp_path: Path, **settings: Any) -> Iterator[RunningApi]:
    change = publishing_through(Counting)
    with running_api(tmp_path, change=change, **settings) as api:
        yield api


def test_flood_of_calls_is_bounded_in_flight_refused_by_name_and_loses_nothing(
    tmp_path: Path,
) -> None:
    patience = Patience(burst_s=0.3, overload_s=0.02)
    with (
        slow_api(tmp_path, max_active_publishes=MAX_ACTIVE, patience=patience) as api,
        api.channel() as channel,
    ):
        with Flood(stub_of(channel), FLOODING) as flood:
            wait_until(lambda: sum(flood.refused.values()), lambda refused: refused > 500)
        assert set(flood.refused) == {f"RESOURCE_EXHAUSTED {OVERLOADED}"}
        assert all(0 < retry_s <= 1 for retry_s in flood.retry_s)
        assert Counting.most <= MAX_ACTIVE
        assert api.api.counters.calls_refused == sum(flood.refused.values())
        stored = api.log.store.read(0, api.log.store.last_offset, 1 << 24)
        found = {one.message.data.decode(): one.message.message_id for one in stored}
    assert flood.published
    assert found == flood.published


def test_stream_gets_through_beside_a_flood_of_calls(tmp_path: Path) -> None:
    patience = Patience(burst_s=0.1, overload_s=0.02)
    with (
        slow_api(tmp_path, max_active_publishes=MAX_ACTIVE, patience=patience) as api,
        api.channel() as channel,
        api.channel(grpc__use_local_subchannel_pool=1) as other,
    ):
        with Flood(stub_of(channel), FLOODING) as flood:
            wait_until(lambda: sum(flood.refused.values()), lambda refused: refused > 50)
            texts = [f"slow {number}" for number in range(20)]
            results = [_published(stub_of(other), text) for text in texts]
        assert all(result.HasField("published") for result in results)


def test_streams_have_no_more_under_way_than_all_of_them_may(tmp_path: Path) -> None:
    streams, a_request, most = 4, 4, 64
    texts = [[f"{stream}-{number}" for number in range(320)] for stream in range(streams)]
    with (
        slow_api(tmp_path, max_streamed_publishes=most) as api,
        api.channel() as channel,
    ):
        stub = stub_of(channel)
        calls = [stub.PublishStream(_requests(own, a_request), timeout=CALL_S) for own in texts]
        results = [[one for answer in call for one in answer.results] for call in calls]
    assert [[one.client_message_id for one in own] for own in results] == texts
    assert all(one.HasField("published") for own in results for one in own)
    assert Counting.most < most + streams * (LEAST_SHARE + a_request)


def test_streams_share_what_may_be_under_way_and_one_alone_has_all() -> None:
    in_hand = InHand(100)
    one, other = in_hand.new_share(), in_hand.new_share()
    one.add(99, 0)
    assert not one.is_full
    other.add(1, 0)
    assert one.is_full
    assert not other.is_full
    one.release()
    other.add(98, 0)
    assert not other.is_full


def test_no_stream_has_more_than_the_least_share_where_all_is_under_way() -> None:
    in_hand = InHand(100)
    one, other = in_hand.new_share(), in_hand.new_share()
    one.add(100, 0)
    other.add(LEAST_SHARE - 1, 0)
    assert not other.is_full
    other.add(1, 0)
    assert other.is_full
    one.add(-50, 0)
    assert not other.is_full


def test_each_of_many_streams_may_have_some_publishes_under_way() -> None:
    in_hand = InHand(10)
    shares = [in_hand.new_share() for _ in range(50)]
    for share in shares:
        share.add(LEAST_SHARE - 1, 0)
    assert not any(share.is_full for share in shares)


def _published(stub: Any, text: str) -> chat_pb2.PublishResult:
    """Publish one text over a stream of its own."""
    (response,) = stub.PublishStream(_requests([text], 1), timeout=CALL_S)
    result: chat_pb2.PublishResult = response.results[0]
    return result


def _requests(texts: list[str], count: int) -> Iterator[chat_pb2.PublishStreamRequest]:
    for start in range(0, len(texts), count):
        yield chat_pb2.PublishStreamRequest(
            publishes=[
                chat_pb2.PublishRequest(text=text, client_message_id=text)
                for text in texts[start : start + count]
            ]
        )
