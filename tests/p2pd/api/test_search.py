"""SearchMessages over real gRPC."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import grpc
import pytest
from wsp.chat.v1 import chat_pb2

from tests.driver.waiting import wait_until
from tests.p2pd.api.reading import CALL_S, reason_of
from tests.p2pd.api.running import running_api, stub_of


def search(stub: Any, **fields: Any) -> chat_pb2.SearchMessagesResponse:
    request = chat_pb2.SearchMessagesRequest(**fields)
    answer: chat_pb2.SearchMessagesResponse = stub.SearchMessages(request, timeout=CALL_S)
    return answer


def test_messages_are_found_with_ranges_in_pages(tmp_path: Path) -> None:
    with running_api(tmp_path) as api, api.channel() as channel:
        stub = stub_of(channel)
        stub.JoinRoom(chat_pb2.JoinRoomRequest(room="garden"))
        for number in range(5):
            stub.Publish(chat_pb2.PublishRequest(text=f"🐝 Bees {number}"))
        last = stub.Publish(chat_pb2.PublishRequest(room="garden", text="bees bees"))
        first = search(stub, query="bees", page_size=2)
        assert [one.message.message.text for one in first.results] == ["bees bees", "🐝 Bees 4"]
        assert first.results[0].message.cursor == last.cursor
        assert [(one.begin, one.end) for one in first.results[0].ranges] == [(0, 4), (5, 9)]
        assert [(one.begin, one.end) for one in first.results[1].ranges] == [(2, 6)]
        second = search(stub, query="bees", page_size=4, page_token=first.next_page_token)
        assert [one.message.message.text for one in second.results] == [
            f"🐝 Bees {number}" for number in (3, 2, 1, 0)
        ]
        assert [
            one.message.message.room for one in search(stub, query="bees", room="garden").results
        ] == ["garden"]
        wait_until(lambda: search(stub, query="bees").unindexed_count, lambda left: left == 0)
        stub.LeaveRoom(chat_pb2.LeaveRoomRequest(room="garden"))
        assert len(search(stub, query="bees").results) == 5
        with pytest.raises(grpc.RpcError) as error:
            search(stub, query="bees", room="garden")
        assert reason_of(error.value) == "ROOM_NOT_JOINED"
        with pytest.raises(grpc.RpcError) as error:
            search(stub, query="other", page_token=first.next_page_token)
        assert reason_of(error.value) == "INVALID_PAGE_TOKEN"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"query": ""}, "INVALID_QUERY"),
        ({"query": "x" * 513}, "INVALID_QUERY"),
        ({"query": "x", "room": " "}, "INVALID_ROOM"),
        ({"query": "x", "room": "a", "peer_id": "b"}, "INVALID_CONVERSATION"),
        ({"query": "x", "page_size": -1}, "INVALID_PAGE_SIZE"),
        ({"query": "x", "page_token": "AAAA"}, "INVALID_PAGE_TOKEN"),
    ],
)
def test_a_search_that_breaks_the_rules_is_refused(
    stub: Any, fields: dict[str, Any], reason: str
) -> None:
    with pytest.raises(grpc.RpcError) as error:
        search(stub, **fields)
    assert reason_of(error.value) == reason
