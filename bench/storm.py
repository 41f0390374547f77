"""Browsers that come back all at once to a gateway just started, each some messages behind.

Meanwhile somebody else publishes at the node; how long that takes is compared
with the time before. A browser that misses a message or gets one twice ends the run.
"""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from bench.fan_out import MIB
from bench.libp2p_layer import PACED_PER_S
from bench.measure import Figures, p99_ms
from bench.pages import text_of
from bench.returning import serve_all
from bench.services import peak_bytes, resident_bytes, running_services
from bench.sizes import Sizes
from tests.driver import NodeProcess

PLACES = 100
"""Cursors that the browsers have, so that some are further behind than others."""
QUIET_S = 3.0


def run(sizes: Sizes) -> Figures:
    """Measure a node, its new gateway and the gateway's returning browsers."""
    with running_services() as running:
        node = running.start_node()
        cursors = _publish_all(node, PLACES + sizes.behind)
        gateway = running.start_gateway(node)
        empty_bytes = resident_bytes(gateway.pid)
        with _somebody_else(node) as latencies_ns:
            time.sleep(QUIET_S)
            quiet_ns = latencies_ns()
            begin_s = time.monotonic()
            serve_all(gateway.http_address, cursors[:PLACES], len(cursors), sizes.returning)
            served_s = time.monotonic() - begin_s
            storm_ns = latencies_ns()
        grown_bytes = peak_bytes(gateway.pid) - empty_bytes
    return {
        "served_s": served_s,
        "quiet_p99_ms": p99_ms(quiet_ns),
        "storm_p99_ms": p99_ms(storm_ns),
        "grown_mib": grown_bytes / MIB,
    }


def _publish_all(node: NodeProcess, count: int) -> list[str]:
    """Publish numbered messages; return their cursors."""
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        publishes = [chat_pb2.PublishRequest(text=text_of(number)) for number in range(count)]
        asked = chat_pb2.PublishStreamRequest(publishes=publishes)
        answers = stub.PublishStream(iter([asked]))
        return [one.published.cursor for answer in answers for one in answer.results]


@contextmanager
def _somebody_else(node: NodeProcess) -> Iterator[Callable[[], list[int]]]:
    """Publish 50 a second in a process of its own; give what tells the latencies since last."""
    ours, theirs = multiprocessing.Pipe()
    spawn = multiprocessing.get_context("spawn")
    process = spawn.Process(target=_publish_paced, args=(node.grpc_address, theirs), daemon=True)
    process.start()

    def latencies_ns() -> list[int]:
        ours.send(None)
        latencies: list[int] = ours.recv()
        return latencies

    try:
        latencies_ns()
        yield latencies_ns
    finally:
        process.terminate()
        process.join()


def _publish_paced(address: str, pipe: Connection) -> None:
    """Publish for ever; whenever asked, tell the latencies since last, nanoseconds."""
    import grpc

    stub = chat_pb2_grpc.ChatServiceStub(grpc.insecure_channel(address))
    latencies_ns: list[int] = []
    due_s = time.monotonic()
    while True:
        begin_ns = time.monotonic_ns()
        stub.Publish(chat_pb2.PublishRequest(text="somebody else"))
        latencies_ns.append(time.monotonic_ns() - begin_ns)
        due_s = max(due_s + 1 / PACED_PER_S, time.monotonic())
        while pipe.poll(max(0.0, due_s - time.monotonic())):
            pipe.recv()
            pipe.send(latencies_ns)
            latencies_ns = []
