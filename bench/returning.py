"""Browsers that return with a cursor, all in one process: each must get exactly what it missed.

Used by ``bench.storm``. Every frame of every browser is looked at; since most are
the same bytes, each is parsed once.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Sequence
from functools import lru_cache

import orjson

from bench.audience import READ_BYTES, TIMEOUT_S
from bench.services import allow_open_files
from bench.web_socket import HEAD_END, frame_end, handshake, masked_frame

SPARE_FILES = 64


def serve_all(address: str, cursors: Sequence[str], messages: int, count: int) -> None:
    """Open ``count`` browsers at once; return when each has all up to the last message.

    Args:
        cursors: Those of the first messages, by number; the browsers share them.
        messages: How many numbered messages there are.
    """
    allow_open_files(count + SPARE_FILES)
    with select.epoll() as epoll:
        browsers: dict[int, _Browser] = {}
        for number in range(count):
            have = number % len(cursors)
            one = _Browser(address, cursors[have], range(have + 1, messages))
            browsers[one.socket.fileno()] = one
            epoll.register(one.socket, select.EPOLLIN)
        _wait_all(epoll, browsers)


def _wait_all(epoll: select.epoll, browsers: dict[int, _Browser]) -> None:
    deadline_s = time.monotonic() + TIMEOUT_S
    while browsers:
        for number, _ in epoll.poll(TIMEOUT_S):
            if browsers[number].read():
                epoll.unregister(number)
                browsers.pop(number).socket.close()
        if time.monotonic() > deadline_s:
            raise RuntimeError(f"{len(browsers)} browsers were not served")


class _Browser:
    """One browser; ``expected`` are the numbers of the messages that it lacks."""

    def __init__(self, address: str, cursor: str, expected: range) -> None:
        host, _, port = address.rpartition(":")
        self.socket = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        self.socket.sendall(handshake(address, "/ws"))
        self._hello = masked_frame({"type": "hello", "after": cursor, "rooms": []})
        self._expected = iter(expected)
        self._last = expected[-1]
        self._buffer = b""
        self._is_open = False

    def read(self) -> bool:
        """Take what came; return whether that was all."""
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise RuntimeError("the gateway closed a connection")
        self._buffer += data
        if not self._is_open and HEAD_END in self._buffer:
            self._is_open = True
            self._buffer = self._buffer.partition(HEAD_END)[2]
            self.socket.sendall(self._hello)
        return self._is_open and self._take_frames()

    def _take_frames(self) -> bool:
        start = 0
        while (end := frame_end(self._buffer, start)) is not None:
            number = _number_in(self._buffer[end[0] : end[1]])
            start = end[1]
            if number is not None and number != next(self._expected):
                raise RuntimeError(f"message {number} came out of order")
            if number == self._last:
                return True
        self._buffer = self._buffer[start:]
        return False


@lru_cache(maxsize=4096)
def _number_in(payload: bytes) -> int | None:
    """Return the number of a numbered message; None for every other frame."""
    text = orjson.loads(payload).get("text", "")
    return int(text) if text.isdigit() else None
