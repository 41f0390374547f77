"""Pages and readers that are behind are read in the threads of the store, by no event loop."""

from __future__ import annotations

import threading
from pathlib import Path

import grpc
import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from p2pd.store.sqlite_store import SqliteStore
from tests.p2pd.node.in_process import InProcessNode

COUNT = 50
INDEXING = "_add_batch from p2pd."
"""The worker thread that fills the index of search has a name by its work."""


def test_calls_read_the_store_in_its_own_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = InProcessNode(tmp_path)
    threads: list[str] = []
    look = SqliteStore._look

    def recorded(*arguments: object) -> object:
        threads.append(threading.current_thread().name)
        return look(*arguments)  # type: ignore[arg-type]

    def story() -> None:
        monkeypatch.setattr(SqliteStore, "_look", recorded)
        with grpc.insecure_channel(node.target) as channel:
            stub = chat_pb2_grpc.ChatServiceStub(channel)
            for number in range(COUNT):
                publish = chat_pb2.PublishRequest(text=f"{number}", client_message_id=f"{number}")
                stub.Publish(publish, timeout=60)
            before = len(threads)
            page = stub.ListMessages(chat_pb2.ListMessagesRequest(limit=COUNT), timeout=60)
            assert len(page.messages) == COUNT
            assert len(threads) > before
            before = len(threads)
            events = stub.Events(chat_pb2.EventsRequest(after=""), timeout=60)
            texts = (
                event.message.text
                for response in events
                for event in response.events
                if event.HasField("message")
            )
            assert [next(texts) for _ in range(COUNT)] == [str(one) for one in range(COUNT)]
            assert len(threads) > before
            events.cancel()

    node.run(story)
    assert {name for name in threads if not name.startswith(("store-read", INDEXING))} == set()
