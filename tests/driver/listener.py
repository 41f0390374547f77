"""Keeps what one Events stream of a node brings, in a thread of its own.

Opened by tests with ``with EventListener(node) as listener``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from types import TracebackType

import grpc
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.node import NodeProcess
from tests.driver.waiting import DEADLINE_S, wait_until


class EventListener:
    """A reader of one node's events.

    Attributes:
        events: All events so far, in order; the first is the snapshot.
        error: How the stream ended, if it has.
    """

    def __init__(
        self, node: NodeProcess, *, after: str | None = None, rooms: Sequence[str] = ()
    ) -> None:
        self.events: list[chat_pb2.Event] = []
        self.error: grpc.RpcError | None = None
        self._channel = node.open_channel()
        stub = chat_pb2_grpc.ChatServiceStub(self._channel)
        self._stream = stub.Events(chat_pb2.EventsRequest(after=after, rooms=rooms))
        self._thread = threading.Thread(target=self._read, name=f"events-{node.name}", daemon=True)

    def __enter__(self) -> EventListener:
        """Read, and return once the snapshot is here: nothing later is missed."""
        self._thread.start()
        self.wait_events(bool)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stream.cancel()
        self._thread.join()
        self._channel.close()

    @property
    def messages(self) -> list[chat_pb2.Message]:
        """The messages so far, in order."""
        return [event.message for event in list(self.events) if event.HasField("message")]

    @property
    def texts(self) -> list[str]:
        """The messages' texts, in order."""
        return [message.text for message in self.messages]

    def wait_events(
        self, until: Callable[[list[chat_pb2.Event]], object], timeout_s: float = DEADLINE_S
    ) -> list[chat_pb2.Event]:
        """Wait until the events so far satisfy ``until``; return them."""
        return wait_until(self._look, until, timeout_s=timeout_s)

    def wait_messages(self, count: int, timeout_s: float = DEADLINE_S) -> list[chat_pb2.Message]:
        """Wait for at least ``count`` messages; return all so far."""
        wait_until(lambda: len(self.messages), lambda seen: seen >= count, timeout_s=timeout_s)
        return self.messages

    def wait_text(self, text: str, timeout_s: float = DEADLINE_S) -> chat_pb2.Message:
        """Wait for the message with this text and return it."""
        wait_until(lambda: self.texts, lambda texts: text in texts, timeout_s=timeout_s)
        return next(message for message in self.messages if message.text == text)

    def _look(self) -> list[chat_pb2.Event]:
        if self.error is not None and not self.events:
            raise AssertionError(f"the stream ended: {self.error}")
        return list(self.events)

    def _read(self) -> None:
        try:
            for batch in self._stream:
                self.events.extend(batch.events)
        except grpc.RpcError as error:
            self.error = error
