"""How calls are taken over from gRPC; fails where a release of gRPC changes what is used."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import grpc
import pytest

from p2pd.api import accepting
from p2pd.api.accepting import REQUESTS_OUT, CallAcceptor

CALLS = 8 * REQUESTS_OUT


async def _serve(is_fast: bool) -> int:
    """Make calls while the loop is held up; return how many came in one turn at most."""
    came: list[int] = []
    turn = 0
    made = threading.Event()

    async def answer(_request: bytes, _context: Any) -> bytes:
        assert made.wait(30)
        came.append(turn)
        return b""

    handler = grpc.method_handlers_generic_handler(
        "test", {"Call": grpc.unary_unary_rpc_method_handler(answer)}
    )
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([handler])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    acceptor = CallAcceptor()
    if is_fast:
        assert acceptor.start(server, [handler], ())

    def call_all() -> None:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            call: Any = channel.unary_unary("/test/Call")
            calls = [call.future(b"") for _ in range(CALLS)]
            made.set()
            assert [call.result(30) for call in calls] == [b""] * CALLS

    calling = asyncio.create_task(asyncio.to_thread(call_all))
    while not calling.done():
        turn += 1
        await asyncio.sleep(0)
    await calling
    await server.stop(None)
    return max(came.count(one) for one in set(came))


def test_calls_that_wait_in_grpc_come_many_at_a_time() -> None:
    assert asyncio.run(_serve(is_fast=False)) < REQUESTS_OUT // 2
    assert asyncio.run(_serve(is_fast=True)) >= REQUESTS_OUT // 2


def test_grpc_of_another_shape_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "SHAPES", {"_handle_rpc": ("something", "else")})

    async def start() -> bool:
        return CallAcceptor().start(grpc.aio.server(), [], ())

    assert asyncio.run(start()) is False
