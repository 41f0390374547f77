"""Many browsers in one process: count what each got, look at one of them.

Used by ``bench.fan_out`` and ``bench.many_gateways``. All are sent the same frames, so one,
the witness, is read frame by frame, and the others only have to get as many
bytes: a load that costs its own machine next to nothing.
"""

from __future__ import annotations

import itertools
import select
import socket
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import orjson

from bench.web_socket import HEAD_END, frame_end, handshake, masked, masked_frame

TIMEOUT_S = 60.0
READ_BYTES = 256 * 1024


class Audience:
    """Browsers at servers, and one more that publishes at the first.

    Args:
        addresses: HOST:PORT of each server; the browsers are dealt out in turns.
        greets: Whether to say hello, and so to be sent a snapshot.

    Attributes:
        arrivals_ns: Of every read of every browser, how long after the publish it was.
    """

    def __init__(self, addresses: Sequence[str], count: int, *, greets: bool) -> None:
        self._addresses = itertools.cycle(addresses)
        self.arrivals_ns: list[int] = []
        self._greets = greets
        self._epoll = select.epoll()
        self._buffer = bytearray(READ_BYTES)
        self._view = memoryview(self._buffer)
        self._got: dict[int, int] = {}
        self._sockets = {one.fileno(): one for one in (self._open("/ws") for _ in range(count))}
        for number, one in self._sockets.items():
            one.setblocking(False)
            self._epoll.register(number, select.EPOLLIN)
            self._got[number] = 0
        self._witness = next(iter(self._sockets))
        self._read = b""
        self._messages = 0
        self._addresses = itertools.cycle(addresses)
        self.publisher = self._open("/publish" if not greets else "/ws", greet=False)
        self._published_ns = 0

    def __enter__(self) -> Audience:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._epoll.close()
        for one in (*self._sockets.values(), self.publisher):
            one.close()

    @property
    def size(self) -> int:
        """How many browsers it is."""
        return len(self._sockets)

    def deliveries_per_s(self, payloads: Sequence[bytes], rounds: int) -> float:
        """Publish the payloads at once, again and again; return what arrived a second.

        Each time all browsers must have got all of it before the next.
        """
        write = b"".join(map(masked, payloads))
        begin_s = time.monotonic()
        for _ in range(rounds):
            self._begin()
            self._published_ns = time.monotonic_ns()
            self.publisher.sendall(write)
            self._wait_messages(len(payloads))
        took_s = time.monotonic() - begin_s
        return rounds * len(payloads) * self.size / took_s

    def _begin(self) -> None:
        self._messages = 0
        self._got = dict.fromkeys(self._got, 0)

    def _wait_messages(self, count: int) -> None:
        """Read until the witness has ``count`` messages and the others as many bytes."""
        deadline_s = time.monotonic() + TIMEOUT_S
        sockets, view, got = self._sockets, self._view, self._got
        arrivals_ns, published_ns = self.arrivals_ns, self._published_ns
        total = 0
        while self._messages < count or total < len(got) * got[self._witness]:
            for number, _ in self._epoll.poll(TIMEOUT_S):
                size = sockets[number].recv_into(view)
                if not size:
                    raise RuntimeError("the server closed a connection")
                got[number] += size
                total += size
                arrivals_ns.append(time.monotonic_ns() - published_ns)
                if number == self._witness:
                    self._count_messages(bytes(view[:size]))
            if time.monotonic() > deadline_s:
                raise RuntimeError(f"{total} bytes of {len(got) * got[self._witness]} came")
        if len(set(got.values())) != 1:
            raise RuntimeError("the browsers were not sent the same")

    def _count_messages(self, data: bytes) -> None:
        self._read += data
        start = 0
        while (end := frame_end(self._read, start)) is not None:
            frame: dict[str, Any] = orjson.loads(self._read[end[0] : end[1]])
            self._messages += frame["type"] == "message"
            start = end[1]
        self._read = self._read[start:]

    def _open(self, path: str, *, greet: bool = True) -> socket.socket:
        """Open one WebSocket; a browser's is returned once its snapshot is here."""
        address = next(self._addresses)
        host, _, port = address.rpartition(":")
        one = socket.create_connection((host, int(port)), timeout=TIMEOUT_S)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.sendall(handshake(address, path))
        rest = b""
        while HEAD_END not in rest:
            rest += one.recv(READ_BYTES)
        rest = rest.partition(HEAD_END)[2]
        if self._greets and greet:
            one.sendall(masked_frame({"type": "hello", "after": None, "rooms": []}))
            while frame_end(rest, 0) is None:
                rest += one.recv(READ_BYTES)
        return one
