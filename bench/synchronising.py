"""What it costs two nodes to find out what one of them lacks, and to bring it.

Bytes are those that the metrics of a node count: of all its sessions, both ways.
"""

from __future__ import annotations

import time

from bench.filled import fill, signed_messages
from bench.measure import Figures
from bench.services import Running, free_port, message_count, metric_value, running_services
from bench.sizes import Sizes
from p2pd.domain.messages import Message
from tests.driver import NodeProcess, wait_until

KIB = 1024
TIMEOUT_S = 120.0
MOVED_BYTES = "p2pd_sync_bytes"
"""Sent and received in sessions that have ended."""


def run(sizes: Sizes) -> Figures:
    """Measure many missed messages, then one of very many."""
    messages = signed_messages(sizes.held)
    missed, middle = messages[: sizes.missed], len(messages) // 2
    many_bytes, many_s = _synchronise(missed, [])
    one_bytes, one_s = _synchronise(messages, messages[:middle] + messages[middle + 1 :])
    return {
        "missed_ratio": many_bytes / _size_bytes(missed),
        "missed_per_s": len(missed) / many_s,
        "one_kib": one_bytes / KIB,
        "one_s": one_s,
    }


def _synchronise(messages: list[Message], others: list[Message]) -> tuple[int, float]:
    """Let a node meet one that lacks some of its messages; return bytes and seconds."""
    with running_services() as running:
        port = free_port()
        node = _start_filled(running, messages, port)
        other = _start_filled(running, others, free_port())
        other.connect(node)
        begin_s = time.monotonic()
        wait_until(
            lambda: message_count(other), lambda count: count == len(messages), timeout_s=TIMEOUT_S
        )
        took_s = time.monotonic() - begin_s
        lacked_bytes = _size_bytes(messages) - _size_bytes(others)
        moved_bytes = wait_until(
            lambda: metric_value(port, MOVED_BYTES),
            lambda moved: moved >= lacked_bytes,
            timeout_s=TIMEOUT_S,
        )
        return moved_bytes, took_s


def _start_filled(running: Running, messages: list[Message], port: int) -> NodeProcess:
    keeps_all = 2 * len(messages) + 10_000
    data_dir = running.new_directory()
    fill(data_dir, messages)
    return running.start_node(
        data_dir=data_dir,
        metrics_listen=f"127.0.0.1:{port}",
        retention_messages=keeps_all,
        history_messages=keeps_all,
    )


def _size_bytes(messages: list[Message]) -> int:
    return sum(len(one.signed_bytes) for one in messages)
