"""What a full store costs a node: start-up, memory, a page, the first comparison with a peer."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from bench.fan_out import MIB
from bench.filled import ROOM, cached_store
from bench.measure import Figures, percentile
from bench.pages import text_of
from bench.services import (
    STOP_S,
    Running,
    peak_bytes,
    resident_bytes,
    running_services,
)
from bench.sizes import Sizes
from p2pd.domain.items import END, LOWEST
from p2pd.store.sqlite_store import open_store
from p2pd.sync.room_items import RoomItems
from tests.driver import NodeProcess

LIFE_DAYS = 36_500
"""Longer than the store, which is kept for later runs, will ever be."""
STARTS = 3
IDLE_S = 2.5
"""By then retention has looked at everything."""
PAGE_MESSAGES = 100
PAGES = 100
MS_IN_S = 1e3


def run_full(sizes: Sizes) -> Figures:
    """Measure a node that keeps many messages."""
    store = cached_store(sizes.kept).absolute()
    with running_services() as running:
        node, figures = _start(running, data_dir=store, retention_messages=2 * sizes.kept)
        figures |= {"page_ms": _page_ms(node)}
    return figures | _first_look(store)


def run_empty(sizes: Sizes) -> Figures:
    """Measure a node that keeps nothing, then one page."""
    with running_services() as running:
        node, figures = _start(running, retention_messages=2 * sizes.kept)
        empty_page_ms = _page_ms(node)
        for number in range(PAGE_MESSAGES):
            node.publish(text_of(number))
        return figures | {"empty_page_ms": empty_page_ms, "page_ms": _page_ms(node)}


def _start(running: Running, **settings: object) -> tuple[NodeProcess, dict[str, float]]:
    """Start a node some times; tell the quickest, and what it needs when idle."""
    starts_s = []
    node = running.new_node(retention_days=LIFE_DAYS, history_days=LIFE_DAYS, **settings)
    for _ in range(STARTS):
        if node.running:
            node.stop(STOP_S)
        begin_s = time.monotonic()
        node.start()
        starts_s.append(time.monotonic() - begin_s)
    time.sleep(IDLE_S)
    idle_mib = resident_bytes(node.pid) / MIB
    return node, {"start_s": min(starts_s), "idle_mib": idle_mib}


def _page_ms(node: NodeProcess) -> float:
    """Read the newest page again and again; return how long that takes."""
    times_s = []
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        for _ in range(PAGES):
            begin_s = time.monotonic()
            stub.ListMessages(chat_pb2.ListMessagesRequest(room=ROOM, limit=PAGE_MESSAGES))
            times_s.append(time.monotonic() - begin_s)
    return percentile(times_s, 0.5) * MS_IN_S


def _first_look(store: Path) -> dict[str, float]:
    """Summarise the room, as a node does when it is first compared, in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        took_s, grown_bytes = pool.apply(_summarise, (store,))
    return {"first_look_s": took_s, "first_look_mib": grown_bytes / MIB}


def _summarise(store: Path) -> tuple[float, int]:
    """Read all items of the room; return how long it took, and the memory at its height."""
    with open_store(store) as opened:
        items = RoomItems(opened, time.time_ns).item_set(ROOM)
        before_bytes, begin_s = peak_bytes(os.getpid()), time.process_time()
        items.summary(LOWEST, END)
        return time.process_time() - begin_s, peak_bytes(os.getpid()) - before_bytes
