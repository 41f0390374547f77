from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import httpx
import pytest
import trio
from prometheus_client.parser import text_string_to_metric_families

from p2pd.api.rpc_server import ApiCounters
from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.node.metrics import CountsFeed, NodeCollector
from p2pd.node.metrics_server import MAX_CLIENTS
from p2pd.node.snapshot import NodeCounts
from tests.driver import NodeProcess, wait_until
from tests.driver.fixtures import StartNode


def scrape(address: str) -> dict[str, float]:
    text = httpx.get(f"http://{address}/metrics", timeout=10).text
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return {sample.name: sample.value for sample in samples if not sample.labels}


@pytest.fixture
def address(free_tcp_port: int) -> str:
    return f"127.0.0.1:{free_tcp_port}"


def test_a_node_reports_what_it_retains_and_whom_it_is_connected_to(
    start_node: StartNode, address: str
) -> None:
    node, other = start_node("a", metrics_listen=address), start_node("b")
    node.connect(other)
    node.publish("one")
    node.publish("two")
    values = scrape(address)
    assert values["p2pd_network_interruptions_total"] == 0
    text = httpx.get(f"http://{address}/metrics").text
    labels = 'direction="outbound",kind="direct",transport="tcp"'
    assert f"p2pd_connections{{{labels}}} 1.0" in text
    assert values["p2pd_messages_total"] == 2
    assert values["p2pd_peers"] == 1
    assert values["p2pd_rooms"] == 1
    assert values["process_resident_memory_bytes"] > 0
    assert 'p2pd_build_info{libp2p="0.8.1",python="3.' in text


def test_operators_have_three_pages_and_no_more(start_node: StartNode, address: str) -> None:
    node = start_node("a", metrics_listen=address)
    for path in ("/metrics", "/metrics?name=x", "/healthz", "/readyz"):
        wait_until(partial(httpx.get, f"http://{address}{path}"), lambda got: got.is_success)
        head, get = httpx.head(f"http://{address}{path}"), httpx.get(f"http://{address}{path}")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-type"] == get.headers["content-type"]
        assert get.content
    for path in ("/", "/metric", "/metrics/", "/metrics/x", "/healthz/x", "/favicon.ico"):
        assert httpx.get(f"http://{address}{path}").status_code == 404
        assert httpx.head(f"http://{address}{path}").status_code == 404
    node.stop()


@contextmanager
def scraping(address: str, failures: list[Exception]) -> Iterator[None]:
    """Scrape in a loop, in two threads, for as long as the block lasts."""
    end = threading.Event()

    def scrape_until_end() -> None:
        while not end.is_set():
            try:
                httpx.get(f"http://{address}/metrics", timeout=10).raise_for_status()
            except httpx.HTTPError as error:
                failures.append(error)

    threads = [threading.Thread(target=scrape_until_end) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


def test_scrapes_never_fail_while_peers_come_and_go(start_node: StartNode, address: str) -> None:
    node, other = start_node("a", metrics_listen=address), start_node("b")
    failures: list[Exception] = []
    with scraping(address, failures):
        for _ in range(3):
            node.connect(other)
            wait_until(lambda: scrape(address)["p2pd_peers"] == 1)
            other.stop()
            wait_until(lambda: scrape(address)["p2pd_peers"] == 0)
            other.start()
    assert failures == []


def test_clients_that_hold_their_connections_keep_nobody_out_for_long(
    start_node: StartNode, address: str
) -> None:
    start_node("a", metrics_listen=address)
    host, port = address.rsplit(":", 1)
    with ExitStack() as stack:
        for _ in range(MAX_CLIENTS):
            stack.enter_context(closing(socket.create_connection((host, int(port)))))
        wait_until(lambda: scrape(address), ignoring=(httpx.TransportError,))


def test_a_busy_port_is_named(start_node: StartNode, address: str, tmp_path: object) -> None:
    start_node("a", metrics_listen=address)
    second = NodeProcess("b", tmp_path, metrics_listen=address)  # type: ignore[arg-type]
    assert second.run() == 1
    assert second.log() == f"p2pd: cannot serve metrics on {address}: Address already in use\n"


def snapshot(rejections: Rejections) -> NodeCounts:
    counters = ApiCounters(0, 0, 0, 0, 0, 0)
    return NodeCounts(0, 0, 1, 0, 0.0, 0, tuple(rejections.totals.items()), counters)


def test_what_scrapes_read_is_never_what_the_node_writes(tmp_path: Path) -> None:
    rejections, collected, failures = Rejections(), 0, list[Exception]()

    def collect(collector: NodeCollector) -> None:
        nonlocal collected
        try:
            while not done.is_set():
                list(collector.collect())
                collected += 1
        except Exception as error:
            failures.append(error)

    async def write() -> None:
        feed = CountsFeed()
        feed.start(lambda: snapshot(rejections))
        thread = threading.Thread(target=collect, args=(NodeCollector(feed, tmp_path),))
        thread.start()
        with trio.move_on_after(60):
            number = 0
            while collected < 50 and not failures:
                for _ in range(100):
                    rejections.count(cast(RejectionReason, f"reason_{number % 5000}"))
                    number += 1
                await trio.sleep(0)
        done.set()
        await trio.to_thread.run_sync(thread.join)

    done = threading.Event()
    trio.run(write)
    assert failures == []
    assert collected >= 50


def test_a_loop_that_hangs_is_not_ready_and_its_last_values_are_shown() -> None:
    async def hang() -> tuple[bool, tuple[NodeCounts | None, float], bool]:
        feed = CountsFeed()
        feed.start(lambda: snapshot(Rejections()))
        feed.set_serving(True)
        before = await trio.to_thread.run_sync(feed.is_ready)
        seen: list[tuple[NodeCounts | None, float]] = []
        ready: list[bool] = []
        thread = threading.Thread(
            target=lambda: (seen.append(feed.snapshot()), ready.append(feed.is_ready()))  # type: ignore[func-returns-value]
        )
        thread.start()
        thread.join()  # the loop hangs for as long
        return before, seen[0], ready[0]

    before, (latest, age_s), after = trio.run(hang)
    assert before
    assert latest is not None
    assert age_s >= 1.0
    assert not after
