"""32 programs that publish to one node, each a call after the other: on disk or in memory."""

from __future__ import annotations

import asyncio
import time

import uvloop
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from bench.libp2p_layer import WARM_UP_MESSAGES
from bench.measure import NS_IN_S, Figures, p50_ms
from bench.pages import text_of
from bench.services import running_services
from bench.sizes import Sizes
from tests.driver import NodeProcess

CALLERS = 32


def run(store: str, sizes: Sizes) -> Figures:
    """Measure one node that keeps its messages on ``disk`` or in ``memory``."""
    with running_services() as running:
        return uvloop.run(_measure(running.start_node(store=store), sizes.calls))


async def _measure(node: NodeProcess, count: int) -> Figures:
    async with node.open_aio_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        await _publish_all(stub, WARM_UP_MESSAGES)
        begin_ns = time.time_ns()
        took_ns = await _publish_all(stub, count)
        per_s = count / ((time.time_ns() - begin_ns) / NS_IN_S)
        return {"publishes_per_s": per_s, "call_p50_ms": p50_ms(took_ns)}


async def _publish_all(stub: chat_pb2_grpc.ChatServiceAsyncStub, count: int) -> list[int]:
    """Publish ``count`` messages; return how long each call took."""
    took_ns: list[int] = []
    numbers = iter(range(count))

    async def call() -> None:
        for number in numbers:
            begin_ns = time.time_ns()
            await stub.Publish(chat_pb2.PublishRequest(text=text_of(number)))
            took_ns.append(time.time_ns() - begin_ns)

    await asyncio.gather(*(call() for _ in range(CALLERS)))
    return took_ns
