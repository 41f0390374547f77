"""Follow an Events stream and look into statuses, from a test."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import grpc
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from wsp.chat.v1 import chat_pb2

from tests.driver.waiting import wait_until

CALL_S = 30.0


class Follower:
    """Read a stream in a thread and keep what came."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.batches: list[Any] = []
        self.end: grpc.RpcError | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    @property
    def events(self) -> list[chat_pb2.Event]:
        return [event for batch in self.batches for event in batch.events]

    @property
    def texts(self) -> list[str]:
        return [event.message.text for event in self.events if event.HasField("message")]

    def wait(self, until: Callable[[list[chat_pb2.Event]], object]) -> list[chat_pb2.Event]:
        return wait_until(lambda: self.events, until)

    def wait_end(self) -> grpc.RpcError:
        self._thread.join(CALL_S)
        assert self.end is not None, f"the stream goes on; it brought {self.batches[-3:]}"
        return self.end

    def cancel(self) -> None:
        self._stream.cancel()
        self._thread.join(CALL_S)

    def _follow(self) -> None:
        try:
            for batch in self._stream:
                self.batches.append(batch)
        except grpc.RpcError as error:
            self.end = error


def status_of(error: Any) -> Status:
    trailers = dict(error.trailing_metadata() or ())
    return Status.FromString(trailers["grpc-status-details-bin"])


def details_of(status: Status) -> dict[type, Any]:
    found: dict[type, Any] = {}
    kinds: tuple[Any, ...] = (ErrorInfo, BadRequest, RetryInfo)
    for detail in status.details:
        for kind in kinds:
            if detail.Is(kind.DESCRIPTOR):
                found[kind] = kind.FromString(detail.value)
    return found


def reason_of(error: Any) -> str:
    """Return the reason of an error, checking that its domain is ours."""
    info = details_of(status_of(error))[ErrorInfo]
    assert info.domain == "wsp.chat.v1"
    return str(info.reason)


def field_of(error: Any) -> str:
    violations = details_of(status_of(error))[BadRequest].field_violations
    assert len(violations) == 1
    return str(violations[0].field)
