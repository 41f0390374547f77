"""What one browser sent and nobody has handled yet: in bounds, a slice and a turn at a time.

Part of ``gateway.http.socket``. The websockets library parses; here is decided how much
of it at a time, and when the browser is not read from at all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, Protocol

from websockets.frames import Frame
from websockets.http11 import Request

SLICE_BYTES = 4 * 1024
"""What is parsed at a time: frames are larger in memory than on the wire."""
TURN_BYTES = 16 * 1024
"""What is handled of one browser's frames before others have a turn."""


class Hold(Enum):
    """Why a socket is not read from."""

    COMMANDS = auto()
    """A command waits until it can start."""
    REPLIES = auto()
    """The browser does not read the answers to what it sends."""
    STOPPING = auto()
    """The gateway stops: accepted commands are answered, no new ones are accepted."""
    TURN = auto()
    """The browser sent much at once; other browsers have their turn."""


class Consumer(Protocol):
    """The socket whose browser it is."""

    def parse(self, part: bytes) -> list[Request | Frame]:
        """Have the library parse a slice; return what it found."""

    def handle(self, event: Request | Frame) -> None:
        """Handle one request or frame."""

    def set_reading(self, *, is_reading: bool) -> None:
        """Read from the transport, or not."""


class Intake:
    """The bytes and frames of one browser that wait to be handled."""

    __slots__ = ("_call_soon", "_consumer", "_events", "_holds", "_inbox", "_is_paused")

    def __init__(self, consumer: Consumer, call_soon: Callable[..., asyncio.Handle]) -> None:
        self._consumer = consumer
        self._call_soon = call_soon
        self._inbox = bytearray()
        """What the library has not parsed: at most one read."""
        self._events: deque[Any] = deque()
        """What the library parsed and nobody has handled: at most a slice's frames."""
        self._holds: frozenset[Hold] = frozenset()
        self._is_paused = False

    @property
    def size_bytes(self) -> int:
        """What waits to be parsed."""
        return len(self._inbox)

    def receive(self, data: bytes) -> None:
        """Handle what the browser sent, or keep it while something holds the socket."""
        self._inbox += data
        self._handle_inbox()

    def hold(self, why: Hold) -> None:
        """Stop reading for one more reason."""
        self._holds |= {why}
        self._pause_or_resume()

    def release(self, why: Hold) -> None:
        """Read again unless there are other reasons not to."""
        if why in self._holds:
            self._holds -= {why}
            if self._inbox or self._events:
                self._start_turn()
            self._pause_or_resume()

    def read_on(self) -> None:
        """Read whatever holds the socket: only the browser's goodbye is waited for."""
        self._holds = frozenset()
        self._pause_or_resume()

    def clear(self) -> None:
        """Drop what waits: the connection is lost."""
        self._inbox.clear()
        self._events.clear()

    def _handle_inbox(self) -> None:
        """Handle frames a slice at a time, until a turn is over or something holds them."""
        handled_bytes = 0
        while not self._holds:
            if self._events:
                self._consumer.handle(self._events.popleft())
            elif self._inbox and handled_bytes < TURN_BYTES:
                part = bytes(self._inbox[:SLICE_BYTES])
                del self._inbox[:SLICE_BYTES]
                self._events.extend(self._consumer.parse(part))
                handled_bytes += len(part)
            else:
                break
        if self._inbox or self._events:
            self._start_turn()
        self._pause_or_resume()

    def _start_turn(self) -> None:
        """Go on behind everybody else, unless something else holds the socket anyway."""
        if not self._holds:
            self._holds |= {Hold.TURN}
            self._call_soon(self._end_turn)

    def _end_turn(self) -> None:
        self._holds -= {Hold.TURN}
        self._handle_inbox()

    def _pause_or_resume(self) -> None:
        """Bring the transport in line with what holds the socket."""
        is_wanted = bool(self._holds)
        if is_wanted != self._is_paused:
            self._is_paused = is_wanted
            self._consumer.set_reading(is_reading=not is_wanted)
