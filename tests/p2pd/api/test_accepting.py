"""How calls are taken over from gRPC; fails where a release of gRPC changes what is used."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import grpc
import pytest

from p2pd.api import accepting
from p2pd.api.accepting import REQUESTS_OUT, CallAcceptor
from p2pd.api.admission import CallAdmission
from p2pd.api.shedding import Shedding
from p2pd.domain.callers import LOCAL_CALLER
from tests.p2pd.api.reading import reason_of

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


class SheddingAll(Shedding):
    """Refuses every call of its method."""

    def refuses(self, *, is_behind: bool) -> bool:
        return True


class CountingHandler(grpc.GenericRpcHandler):
    """Answers every call, and notes of which it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def service(self, details: grpc.HandlerCallDetails) -> Any:
        self.asked.append(details.method)

        async def answer(request: bytes, _context: Any) -> bytes:
            return request

        return grpc.unary_unary_rpc_method_handler(answer)


async def _outcomes_of(handler: CountingHandler, calls: CallAdmission) -> list[str]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers([handler])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    acceptor = CallAcceptor(SheddingAll("/test/Shed", calls, LOCAL_CALLER))
    assert acceptor.start(server, [handler], ())

    def outcome(call: Any) -> str:
        try:
            return str(call(b"kept", timeout=30).decode())
        except grpc.RpcError as error:
            return f"{error.code().name} {reason_of(error)}"

    def call_all() -> list[str]:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            shed: Any = channel.unary_unary("/test/Shed")
            served: Any = channel.unary_unary("/test/Serve")
            return [outcome(shed if number % 2 else served) for number in range(100)]

    outcomes = await asyncio.to_thread(call_all)
    await server.stop(None)
    return outcomes


def test_refused_calls_are_told_why_without_a_handler_and_others_are_served() -> None:
    handler, calls = CountingHandler(), CallAdmission(1, 1)
    outcomes = asyncio.run(_outcomes_of(handler, calls))
    # gRPC itself takes over one call in so many, which the handlers then refuse.
    unseen = handler.asked.count("/test/Shed")
    assert outcomes[::2] == ["kept"] * 50
    assert outcomes[1::2].count("RESOURCE_EXHAUSTED OVERLOADED") == 50 - unseen
    assert unseen <= 2
    assert calls.refused == 50 - unseen


def test_grpc_of_another_shape_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accepting, "SHAPES", {"_handle_rpc": ("something", "else")})

    async def start() -> bool:
        return CallAcceptor().start(grpc.aio.server(), [], ())

    assert asyncio.run(start()) is False
