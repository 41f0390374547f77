"""Node to node through the gRPC APIs: ``PublishStream`` on one, ``Events`` on the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import cast

import grpc.aio
import uvloop
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from bench.libp2p_layer import WARM_UP_MESSAGES
from bench.measure import NS_IN_S, Figures, p50_ms, p99_ms
from bench.pages import check_order, paced, text_of
from bench.services import running_services
from bench.sizes import Sizes
from tests.driver import NodeProcess

BATCH = 500
"""Publishes in one request of the stream."""
TIMEOUT_S = 60


class Listener:
    """Keeps the messages of one ``Events`` stream and when each came."""

    def __init__(self) -> None:
        self.messages: list[tuple[int, chat_pb2.Message]] = []
        self.ready = asyncio.Event()
        self._changed = asyncio.Event()

    async def read(self, stub: chat_pb2_grpc.ChatServiceAsyncStub) -> None:
        """Read until cancelled."""
        async for response in stub.Events(chat_pb2.EventsRequest()):
            now_ns = time.time_ns()
            self.messages += [
                (now_ns, event.message) for event in response.events if event.HasField("message")
            ]
            self.ready.set()
            self._changed.set()

    async def wait_messages(self, count: int) -> None:
        """Wait until ``count`` messages are here."""
        try:
            async with asyncio.timeout(TIMEOUT_S):
                while len(self.messages) < count:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            raise RuntimeError(f"{len(self.messages)} of {count} messages came") from None


class Publisher:
    """Publishes over one ``PublishStream``."""

    def __init__(self, stub: chat_pb2_grpc.ChatServiceAsyncStub) -> None:
        self._call = stub.PublishStream()

    async def write(self, texts: Sequence[str]) -> None:
        """Send texts in one request."""
        publishes = [chat_pb2.PublishRequest(text=text) for text in texts]
        await self._call.write(chat_pb2.PublishStreamRequest(publishes=publishes))

    async def wait_answers(self, count: int) -> list[int]:
        """Read ``count`` answers; return when each came."""
        times_ns: list[int] = []
        async with asyncio.timeout(TIMEOUT_S):
            while len(times_ns) < count:
                response = await self._call.read()
                now_ns = time.time_ns()
                if response is grpc.aio.EOF:
                    raise RuntimeError("the node ended the stream")
                results = cast(chat_pb2.PublishStreamResponse, response).results
                refused = [one.error for one in results if one.HasField("error")]
                if refused:
                    raise RuntimeError(f"{len(refused)} publishes refused, first {refused[0]}")
                times_ns += [now_ns] * len(results)
        return times_ns


def run(sizes: Sizes) -> Figures:
    """Measure one pair of nodes: some messages at 50 a second, then many at once."""
    with running_services() as running:
        sender, receiver = running.start_node_pair()
        return uvloop.run(_measure(sender, receiver, sizes))


def run_relayed(sizes: Sizes) -> Figures:
    """Measure a pair of nodes that nobody can dial, through a relay of ours without limits."""
    with running_services() as running:
        sender, receiver = running.start_relayed_pair()
        return uvloop.run(_measure(sender, receiver, sizes))


async def _measure(sender: NodeProcess, receiver: NodeProcess, sizes: Sizes) -> Figures:
    async with sender.open_aio_channel() as channel, listening(receiver) as listener:
        publisher = Publisher(chat_pb2_grpc.ChatServiceStub(channel))
        await _burst(publisher, listener, WARM_UP_MESSAGES)
        latencies = await _paced(publisher, listener, sizes.paced)
        return {**latencies, "burst_per_s": await _burst(publisher, listener, sizes.burst)}


@asynccontextmanager
async def listening(node: NodeProcess) -> AsyncIterator[Listener]:
    """Read a node's ``Events`` inside the block; its snapshot has come by then."""
    listener = Listener()
    async with node.open_aio_channel() as channel:
        reading = asyncio.create_task(listener.read(chat_pb2_grpc.ChatServiceStub(channel)))
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await listener.ready.wait()
            yield listener
        finally:
            reading.cancel()
            await asyncio.wait({reading})


async def _burst(publisher: Publisher, listener: Listener, count: int) -> float:
    """Publish all at once; return how many a second arrive."""
    listener.messages.clear()
    begin_ns = time.time_ns()
    answers = asyncio.create_task(publisher.wait_answers(count))
    for start in range(0, count, BATCH):
        await publisher.write([text_of(n) for n in range(start, min(start + BATCH, count))])
    await answers
    await listener.wait_messages(count)
    check_order([message.text for _, message in listener.messages], count)
    return count / ((listener.messages[-1][0] - begin_ns) / NS_IN_S)


async def _paced(publisher: Publisher, listener: Listener, count: int) -> dict[str, float]:
    """Publish 50 a second; return the latencies, whole and hop by hop."""
    listener.messages.clear()
    sent_ns: list[int] = []
    answers = asyncio.create_task(publisher.wait_answers(count))
    async for number in paced(count):
        sent_ns.append(time.time_ns())
        await publisher.write([text_of(number)])
    await listener.wait_messages(count)
    answered_ns = await answers
    arrived = listener.messages
    signed_ns = [message.send_time.ToNanoseconds() for _, message in arrived]
    taken_ns = [message.receive_time.ToNanoseconds() for _, message in arrived]
    whole_ns = [came - sent for (came, _), sent in zip(arrived, sent_ns, strict=True)]
    return {
        "p50_ms": p50_ms(whole_ns),
        "p99_ms": p99_ms(whole_ns),
        "to_signed_ms": p50_ms(b - a for a, b in zip(sent_ns, signed_ns, strict=True)),
        "node_to_node_ms": p50_ms(b - a for a, b in zip(signed_ns, taken_ns, strict=True)),
        "to_caller_ms": p50_ms(came - a for a, (came, _) in zip(taken_ns, arrived, strict=True)),
        "answer_ms": p50_ms(b - a for a, b in zip(sent_ns, answered_ns, strict=True)),
    }
