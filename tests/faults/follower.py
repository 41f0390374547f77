"""A reader of all that a node has, who goes on from his cursor over its restarts."""

from __future__ import annotations

import threading
from types import TracebackType

import grpc
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.node import NodeProcess
from tests.driver.waiting import wait_until


class Follower:
    """One reader of one node, from the beginning of its log.

    Attributes:
        messages: What was read, by message id.
        cursors: Where in the node's log each message is.
        complaints: What must not happen: a message told twice, a gap.
    """

    def __init__(self, node: NodeProcess) -> None:
        self.messages: dict[str, chat_pb2.Message] = {}
        self.cursors: dict[str, str] = {}
        self.complaints: list[str] = []
        self._after = ""
        self._stopping = False
        self._channel = node.open_lasting_channel()
        self._stub = chat_pb2_grpc.ChatServiceStub(self._channel)
        self._thread = threading.Thread(target=self._run, name=f"follower-{node.name}")

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stopping = True
        self._channel.close()
        self._thread.join()

    def wait_all(self, message_ids: set[str], timeout_s: float) -> None:
        """Wait until all these messages were read."""
        wait_until(
            lambda: message_ids.difference(self.messages),
            lambda lacking: not lacking,
            timeout_s=timeout_s,
        )

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._read()
            except grpc.RpcError:
                continue
            except ValueError:
                # The channel was closed: the test is over.
                return

    def _read(self) -> None:
        request = chat_pb2.EventsRequest(after=self._after)
        for batch in self._stub.Events(request, wait_for_ready=True):
            for event in batch.events:
                self._take(event)

    def _take(self, event: chat_pb2.Event) -> None:
        self._after = event.cursor
        if event.HasField("gap"):
            self.complaints.append(f"gap: {event}")
        if event.HasField("message"):
            message_id = event.message.message_id
            if message_id in self.messages:
                self.complaints.append(f"told twice: {event.message}")
            self.messages[message_id] = event.message
            self.cursors[message_id] = event.cursor
