"""Browsers that come back all at once to a gateway just started, each some messages behind.

Meanwhile somebody else publishes at the node; how long that takes is compared
with the time before. A browser that misses a message or gets one twice ends the run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from bench.fan_out import MIB
from bench.libp2p_layer import PACED_PER_S
from bench.measure import Figures, percentile
from bench.open_loop import Generator, Offer, open_generator
from bench.pages import text_of
from bench.returning import serve_all
from bench.services import peak_bytes, resident_bytes, running_services
from bench.sizes import Sizes
from tests.driver import NodeProcess

PLACES = 100
"""Cursors that the browsers have, so that some are further behind than others."""
QUIET_S = 2.0
"""How long publishes are measured before each storm."""
RATE_PER_S = 2.0 * PACED_PER_S
BURST = 500
"""Publishes of one request, which is at most 256 KiB."""
WARM_UP_S = 0.5
SLICE_S = 0.1
"""How long publishes go on behind a storm, at most."""


def run(sizes: Sizes) -> Figures:
    """Measure nodes, their new gateways and the gateways' returning browsers, one after the other.

    A storm is over in a second or two, in which few publishes are made; the p99 is that of
    all publishes of all storms, beside that of all publishes of the time before each.
    """
    quiet_ms: list[float] = []
    storm_ms: list[float] = []
    storms = [_storm(sizes, quiet_ms, storm_ms) for _ in range(sizes.storms)]
    return {
        "served_s": median(storm["served_s"] for storm in storms),
        "quiet_p99_ms": percentile(quiet_ms, 0.99),
        "storm_p99_ms": percentile(storm_ms, 0.99),
        "publishes": len(storm_ms),
        "grown_mib": median(storm["grown_mib"] for storm in storms),
    }


def _storm(sizes: Sizes, quiet_ms: list[float], storm_ms: list[float]) -> Figures:
    """Measure one storm, and add how long others' publishes take before and meanwhile."""
    with running_services() as running:
        node = running.start_node()
        cursors = _publish_all(node, PLACES + sizes.behind)
        gateway = running.start_gateway(node)
        empty_bytes = resident_bytes(gateway.pid)
        with open_generator(node.grpc_address) as generator:
            generator.offer(Offer("calls", WARM_UP_S, RATE_PER_S))
            quiet_ms.extend(generator.offer(Offer("calls", QUIET_S, RATE_PER_S)).latencies_ms)
            with _publishing(generator, storm_ms):
                begin_s = time.monotonic()
                serve_all(gateway.http_address, cursors[:PLACES], len(cursors), sizes.returning)
                served_s = time.monotonic() - begin_s
        grown_bytes = peak_bytes(gateway.pid) - empty_bytes
    return {"served_s": served_s, "grown_mib": grown_bytes / MIB}


@contextmanager
def _publishing(generator: Generator, latencies_ms: list[float]) -> Iterator[None]:
    """Publish for the time of a block as somebody else does."""
    is_over = threading.Event()

    def publish() -> None:
        while not is_over.is_set():
            latencies_ms.extend(generator.offer(Offer("calls", SLICE_S, RATE_PER_S)).latencies_ms)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()


def _publish_all(node: NodeProcess, count: int) -> list[str]:
    """Publish numbered messages; return their cursors."""
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        publishes = [chat_pb2.PublishRequest(text=text_of(number)) for number in range(count)]
        asked = (
            chat_pb2.PublishStreamRequest(publishes=publishes[start : start + BURST])
            for start in range(0, count, BURST)
        )
        return [
            one.published.cursor for answer in stub.PublishStream(asked) for one in answer.results
        ]
