"""Twenty nodes in one room on one machine, each connected with all of the others.

First nobody says anything, and what a node costs is counted. Then messages are published
through gRPC at a rate, a node after the other, by calls that begin when they are due
whether or not those before have ended. Every node's ``Events`` are read meanwhile, so
that what is lost or comes twice anywhere is seen. Used by ``bench.subjects``.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from itertools import combinations

import uvloop
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from bench.api import Listener, listening
from bench.measure import NS_IN_S, Figures, p50_ms, p99_ms
from bench.pages import text_of
from bench.processor import processor_s
from bench.services import Running, running_services
from bench.sizes import Sizes
from tests.driver import NodeProcess
from tests.driver.forked import Launcher

ROOM = "chat-room"
RATES_PER_S = (10, 50)
SETTLE = 4
"""So many times as long as nodes are watched they may settle first: by then they look for
peers of their room and for relays only once in minutes."""
DOUBLES_S = 1.0
"""After the last message everywhere: what comes again comes by then."""
TIMEOUT_S = 60.0
MS_IN_S = 1e3
PERCENT = 100.0


def run(sizes: Sizes) -> Figures:
    """Measure nodes with their log on disk: idle, then at both rates."""
    with running_services() as running, Launcher() as launcher:
        nodes = _start_nodes(running, launcher, sizes.nodes, "disk")
        time.sleep(SETTLE * sizes.idle_s)
        figures = {"idle_percent": _idle_percent(nodes, sizes.idle_s)}
        return figures | uvloop.run(_measure(nodes, RATES_PER_S, sizes.nodes_s))


def run_in_memory(sizes: Sizes) -> Figures:
    """Measure nodes with their log in memory, at the lower rate."""
    with running_services() as running, Launcher() as launcher:
        nodes = _start_nodes(running, launcher, sizes.nodes, "memory")
        time.sleep(sizes.idle_s)
        return uvloop.run(_measure(nodes, RATES_PER_S[:1], sizes.nodes_s))


def _start_nodes(running: Running, launcher: Launcher, count: int, store: str) -> list[NodeProcess]:
    """Start nodes and connect each with all others."""
    nodes = [running.start_forked_node(launcher, store=store) for _ in range(count)]
    for node, other in combinations(nodes, 2):
        with other.open_channel() as channel:
            request = chat_pb2.ConnectRequest(address=node.address)
            chat_pb2_grpc.ChatServiceStub(channel).Connect(request, timeout=TIMEOUT_S)
    for node, other in combinations(nodes, 2):
        node.wait_peer(other, ROOM)
        other.wait_peer(node, ROOM)
    return nodes


def _idle_percent(nodes: Sequence[NodeProcess], seconds: float) -> float:
    """Return how much of a processor one of the nodes takes that do nothing."""
    begin_s, begin_cpu_s = time.monotonic(), _spent_s(nodes)
    time.sleep(seconds)
    used_s = _spent_s(nodes) - begin_cpu_s
    return PERCENT * used_s / len(nodes) / (time.monotonic() - begin_s)


def _spent_s(nodes: Sequence[NodeProcess]) -> float:
    return sum(processor_s(node.pid) for node in nodes)


async def _measure(
    nodes: Sequence[NodeProcess], rates_per_s: Sequence[int], seconds: float
) -> dict[str, float]:
    async with AsyncExitStack() as stack:
        channels = [await stack.enter_async_context(node.open_aio_channel()) for node in nodes]
        stubs = [chat_pb2_grpc.ChatServiceStub(channel) for channel in channels]
        listeners = [await stack.enter_async_context(listening(node)) for node in nodes]
        figures: dict[str, float] = {}
        for rate_per_s in rates_per_s:
            for listener in listeners:
                listener.messages.clear()
            begin_cpu_s, count = _spent_s(nodes), max(2, int(rate_per_s * seconds))
            due_ns, took_ns = await _publish(stubs, rate_per_s, count)
            await _wait_all(listeners, count)
            cpu_ms = MS_IN_S * (_spent_s(nodes) - begin_cpu_s) / count / len(nodes)
            found = {
                "cpu_ms": cpu_ms,
                "publish_p50_ms": p50_ms(took_ns),
                "publish_p99_ms": p99_ms(took_ns),
            }
            found |= _delivery_figures(due_ns, [listener.messages for listener in listeners])
            figures |= {f"{name}_{rate_per_s}": value for name, value in found.items()}
        return figures


async def _publish(
    stubs: Sequence[chat_pb2_grpc.ChatServiceAsyncStub], rate_per_s: int, count: int
) -> tuple[list[int], list[int]]:
    """Publish at a rate; return when each call was due, and how long it took from then."""
    begin_ns = time.time_ns()
    due_ns = [begin_ns + number * int(NS_IN_S) // rate_per_s for number in range(count)]

    async def publish(number: int) -> int:
        await asyncio.sleep(max(0.0, (due_ns[number] - time.time_ns()) / NS_IN_S))
        request = chat_pb2.PublishRequest(text=text_of(number))
        await stubs[number % len(stubs)].Publish(request, timeout=TIMEOUT_S)
        return time.time_ns() - due_ns[number]

    return due_ns, await asyncio.gather(*map(publish, range(count)))


async def _wait_all(listeners: Sequence[Listener], count: int) -> None:
    """Wait until every node has everything, or is known to have lost some."""
    with suppress(RuntimeError):
        for listener in listeners:
            await listener.wait_messages(count)
    await asyncio.sleep(DOUBLES_S)


def _delivery_figures(
    due_ns: Sequence[int], received: Sequence[Sequence[tuple[int, chat_pb2.Message]]]
) -> dict[str, float]:
    """Count what any node lost or had twice; find when the last node had each message."""
    sent = {text_of(number): due for number, due in enumerate(due_ns)}
    came = Counter(message.text for messages in received for _, message in messages)
    everywhere_ns: dict[str, int] = {}
    for messages in received:
        for came_ns, message in messages:
            everywhere_ns[message.text] = max(came_ns, everywhere_ns.get(message.text, 0))
    held = sum(len({message.text for _, message in messages}) for messages in received)
    took_ns = [came_ns - sent[text] for text, came_ns in everywhere_ns.items()]
    lasted_s = (max(everywhere_ns.values()) - min(everywhere_ns.values())) / NS_IN_S
    return {
        "lost": len(sent) * len(received) - held,
        "doubled": came.total() - held,
        "everywhere_per_s": (len(everywhere_ns) - 1) / lasted_s,
        "everywhere_p50_ms": p50_ms(took_ns),
        "everywhere_p99_ms": p99_ms(took_ns),
    }
