"""The loop under gRPC wakes once for all that gRPC has finished."""

from __future__ import annotations

import asyncio
import socket
from functools import partial

import grpc.aio

from common import grpc_loop
from common.grpc_loop import GrpcLoop

WAKES = 50


class PollerCompletionQueue:
    """Stands for gRPC's own: reads a byte a call, as that one does."""

    def __init__(self) -> None:
        self.read_socket, self.write_socket = socket.socketpair()
        self.read_socket.setblocking(False)
        self.calls = 0

    def handle_events(self, _loop: asyncio.AbstractEventLoop) -> None:
        self.calls += 1
        try:
            self.read_socket.recv(1)
        except BlockingIOError:
            return

    def close(self) -> None:
        self.read_socket.close()
        self.write_socket.close()


def test_wakes_that_come_together_are_handled_by_one_call() -> None:
    poller = PollerCompletionQueue()

    async def count_calls() -> int:
        loop = asyncio.get_running_loop()
        loop.add_reader(poller.read_socket, partial(poller.handle_events, loop))
        poller.write_socket.send(b"1" * WAKES)
        for _ in range(2 * WAKES):
            await asyncio.sleep(0)
        poller.write_socket.send(b"1")
        while poller.calls < 2:
            await asyncio.sleep(0)
        loop.remove_reader(poller.read_socket)
        return poller.calls

    with asyncio.Runner(loop_factory=GrpcLoop) as runner:
        assert runner.run(count_calls()) == 2
    poller.close()


def test_readers_of_others_are_left_as_they_are() -> None:
    one, other = socket.socketpair()

    async def read() -> bytes:
        loop = asyncio.get_running_loop()
        came: asyncio.Queue[bytes] = asyncio.Queue()
        loop.add_reader(one, lambda: came.put_nowait(one.recv(1)))
        other.send(b"ab")
        try:
            return await came.get() + await came.get()
        finally:
            loop.remove_reader(one)

    with one, other, asyncio.Runner(loop_factory=GrpcLoop) as runner:
        assert runner.run(read()) == b"ab"


def test_poller_of_this_grpc_is_known_by_its_name() -> None:
    handled: list[object] = []

    class Noting(GrpcLoop):
        def add_reader(self, fd: object, callback: object, *args: object) -> None:
            handled.append(grpc_loop._is_of_poller(callback))  # type: ignore[arg-type]
            super().add_reader(fd, callback, *args)  # type: ignore[arg-type]

    async def open_server() -> None:
        await grpc.aio.server().stop(None)

    with asyncio.Runner(loop_factory=Noting) as runner:
        runner.run(open_server())
    assert handled == [True]
