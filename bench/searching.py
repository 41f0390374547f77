"""A search of a full store beside one of an empty store: two nodes, a call at each in turn."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from bench.fan_out import MIB
from bench.filled import RARE, RARE_WORD, cached_prose, prose_of, rare_numbers
from bench.kept import LIFE_DAYS
from bench.measure import Figures, p50_ms, p99_ms
from bench.services import Running, free_port, metric_value, running_services
from bench.sizes import Sizes
from p2pd.store.search_index import FILE_NAME
from tests.driver import NodeProcess, wait_until

COMMON_WORD = "the"
INDEXED_S = 900.0
"""By when a million messages are in the index, even beside other programs."""


def run(sizes: Sizes) -> Figures:
    """Measure the same searches of many messages and of none, then of only those found."""
    with running_services() as running:
        store = cached_prose(sizes.kept).absolute()
        full = _start_indexed(running, data_dir=store, retention_messages=2 * sizes.kept)
        port = free_port()
        small = running.start_node(metrics_listen=f"127.0.0.1:{port}")
        rare, empty = _searched_ns((full, small), RARE_WORD, sizes.searches)
        for number in rare_numbers(sizes.kept):
            small.publish(prose_of(number, is_rare=True))
        _wait_indexed(port)
        for node in (full, small):
            _check_found(node)
        again, alone = _searched_ns((full, small), RARE_WORD, sizes.searches)
        common, _ = _searched_ns((full, small), COMMON_WORD, sizes.searches)
        return {
            "rare_p50_ms": p50_ms(rare),
            "rare_p99_ms": p99_ms(rare),
            "empty_p50_ms": p50_ms(empty),
            "empty_p99_ms": p99_ms(empty),
            "again_p50_ms": p50_ms(again),
            "alone_p50_ms": p50_ms(alone),
            "common_p99_ms": p99_ms(common),
            "index_mib": _size_bytes(store) / MIB,
        }


def _start_indexed(running: Running, **settings: object) -> NodeProcess:
    """Start a node, and wait until its index has all messages."""
    port = free_port()
    node = running.start_node(
        metrics_listen=f"127.0.0.1:{port}",
        retention_days=LIFE_DAYS,
        history_days=LIFE_DAYS,
        **settings,
    )
    _wait_indexed(port)
    return node


def _check_found(node: NodeProcess) -> None:
    """See that the search measured finds what there is."""
    request = chat_pb2.SearchMessagesRequest(query=RARE_WORD)
    with node.open_channel() as channel:
        found = len(chat_pb2_grpc.ChatServiceStub(channel).SearchMessages(request).results)
    if found != RARE:
        raise RuntimeError(f"{found} messages were found, not {RARE}")


def _size_bytes(store: Path) -> int:
    """Return what the index takes on the disk, with what is not in its main file yet."""
    return sum(one.stat().st_size for one in store.glob(f"{FILE_NAME}*"))


def _wait_indexed(port: int) -> None:
    wait_until(
        lambda: metric_value(port, "p2pd_unindexed_messages"),
        lambda left: left == 0,
        timeout_s=INDEXED_S,
    )


def _searched_ns(nodes: Sequence[NodeProcess], word: str, count: int) -> list[list[int]]:
    """Search so many times at each node, in turn; return how long each call took."""
    channels = [node.open_channel() for node in nodes]
    stubs = [chat_pb2_grpc.ChatServiceStub(channel) for channel in channels]
    request = chat_pb2.SearchMessagesRequest(query=word)
    took_ns: list[list[int]] = [[] for _ in nodes]
    for _ in range(count):
        for stub, own in zip(stubs, took_ns, strict=True):
            begin_ns = time.perf_counter_ns()
            stub.SearchMessages(request)
            own.append(time.perf_counter_ns() - begin_ns)
    for channel in channels:
        channel.close()
    return took_ns
