"""A browser as the tests need it: a WebSocket that keeps every frame it got.

Used by the tests of the running gateway.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from contextlib import ExitStack
from types import TracebackType
from typing import Any

import orjson
from websockets.sync.client import connect

DEADLINE_S = 30.0
EVENTS = {
    "snapshot",
    "message",
    "peer_connected",
    "peer_disconnected",
    "peer_joined",
    "peer_left",
    "gap",
    "node_changed",
    "caught_up",
    "progress",
    "profile_changed",
    "read_marker_changed",
    "peer_blocked",
    "message_delivery",
    "message_hidden",
    "room_muted",
}

Frame = dict[str, Any]


class Client:
    """One WebSocket to a gateway.

    Attributes:
        frames: Every frame so far, in order.
    """

    def __init__(self, url: str, **options: Any) -> None:
        self.frames: list[Frame] = []
        self._url = url
        self._options = {"compression": None, "max_size": None, "open_timeout": 30.0} | options
        self._ids = itertools.count(1)
        self._stack = ExitStack()

    def __enter__(self) -> Client:
        self.socket = self._stack.enter_context(connect(self._url, **self._options))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    @property
    def messages(self) -> list[Frame]:
        """The message events so far."""
        return [frame for frame in self.frames if frame["type"] == "message"]

    @property
    def texts(self) -> list[str]:
        """Their texts."""
        return [frame["text"] for frame in self.messages]

    @property
    def answers(self) -> list[Frame]:
        """The answers to commands so far."""
        return [frame for frame in self.frames if frame["type"] in {"ack", "error"}]

    @property
    def cursor(self) -> str:
        """The cursor of the last event."""
        events = (frame for frame in reversed(self.frames) if frame["type"] in EVENTS)
        return str(next(events)["cursor"])

    def say(self, kind: str, **fields: Any) -> None:
        """Send a frame."""
        self.socket.send(orjson.dumps({"type": kind, **fields}).decode())

    def hello(self, after: str | None = None, rooms: tuple[str, ...] = ()) -> Frame:
        """Say hello and return the snapshot."""
        self.say("hello", after=after, rooms=list(rooms))
        return self.wait_frame(lambda frame: frame["type"] == "snapshot")

    def ask(self, kind: str, **fields: Any) -> Frame:
        """Send a command and return its answer."""
        frame_id = f"{kind}-{next(self._ids)}"
        self.say(kind, id=frame_id, **fields)
        return self.wait_answer(frame_id)

    def wait_answer(self, frame_id: object) -> Frame:
        """Wait for the answer to a command."""
        return self.wait_frame(
            lambda frame: frame["type"] in {"ack", "error"} and frame["id"] == frame_id
        )

    def wait_text(self, text: str) -> Frame:
        """Wait for the message with this text."""
        return self.wait_frame(lambda frame: frame.get("text") == text)

    def wait_frame(self, wanted: Callable[[Frame], object], timeout_s: float = DEADLINE_S) -> Frame:
        """Return the first frame so far that is wanted, or wait for it."""
        for frame in self.frames:
            if wanted(frame):
                return frame
        return self.wait_next(wanted, timeout_s)

    def wait_next(self, wanted: Callable[[Frame], object], timeout_s: float = DEADLINE_S) -> Frame:
        """Wait for a frame that is wanted and has not been here before."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                payload = self.socket.recv(timeout=max(0.0, deadline_s - time.monotonic()))
            except TimeoutError:
                raise AssertionError(f"no such frame; saw last: {self.frames[-20:]}") from None
            self.frames.append(orjson.loads(payload))
            if wanted(self.frames[-1]):
                return self.frames[-1]
