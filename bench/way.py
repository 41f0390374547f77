"""The whole way of a message, page to page over two nodes, one at a time at several rates.

Beside it the older design (``bench.stdio_pair``). Told are latencies, and the processor
time a message of each process; the pages themselves run here and are not counted.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

import uvloop

from bench.libp2p_layer import WARM_UP_MESSAGES
from bench.measure import NS_IN_S, Figures, p50_ms, p99_ms
from bench.pages import check_order, text_of
from bench.services import running_services
from bench.sizes import Sizes
from bench.stdio_pair import running_pairs
from bench.web_socket import Page, open_page

RATES_PER_S = (50, 500, 1_000)
PATIENCE_S = 3.0
"""After so long without another message the rest is lost."""
MS_IN_S = 1e3

Pids = Mapping[str, int]


def run(store: str, sizes: Sizes) -> Figures:
    """Measure two nodes with a gateway each.

    Args:
        store: Where the nodes keep messages: ``disk`` or ``memory``.
    """
    with running_services() as running:
        a, b = running.start_node_pair(store=store)
        gateway_a, gateway_b = running.start_gateway(a), running.start_gateway(b)
        pids = {
            "node_a": a.pid,
            "gateway_a": gateway_a.pid,
            "node_b": b.pid,
            "gateway_b": gateway_b.pid,
        }
        addresses = gateway_a.http_address, gateway_b.http_address
        return uvloop.run(_measure(addresses, pids, sizes, is_lossless=True))


def run_stdio(sizes: Sizes) -> Figures:
    """Measure the older design."""
    with running_pairs() as (a, b):
        pids = {
            "node_a": a.node_pid,
            "gateway_a": a.gateway_pid,
            "node_b": b.node_pid,
            "gateway_b": b.gateway_pid,
        }
        addresses = a.http_address, b.http_address
        return uvloop.run(_measure(addresses, pids, sizes, is_lossless=False))


async def _measure(
    addresses: tuple[str, str], pids: Pids, sizes: Sizes, *, is_lossless: bool
) -> dict[str, float]:
    page, other = [await open_page(address) for address in addresses]
    try:
        await paced(page, other, WARM_UP_MESSAGES, RATES_PER_S[0], pids, is_lossless=False)
        figures: dict[str, float] = {}
        for rate_per_s in RATES_PER_S:
            count = sizes.paced * (1 if rate_per_s == RATES_PER_S[0] else 10)
            found = await paced(page, other, count, rate_per_s, pids, is_lossless=is_lossless)
            figures |= {f"{name}_{rate_per_s}": value for name, value in found.items()}
        figures |= await _burst(page, other, sizes.burst, is_lossless=is_lossless)
        if is_lossless:
            lasting = await _burst(page, other, sizes.sustained, is_lossless=True)
            figures["sustained_per_s"] = sizes.sustained / lasting["burst_s"]
        return figures
    finally:
        page.close()
        other.close()


async def paced(
    page: Page,
    other: Page,
    count: int,
    rate_per_s: int,
    pids: Pids,
    *,
    is_lossless: bool,
) -> dict[str, float]:
    """Publish one at a time; return latencies and processor time."""
    page.forget()
    other.forget()
    begin_s = {name: _processor_s(pid) for name, pid in pids.items()}
    sent_ns: list[int] = []
    loop = asyncio.get_running_loop()
    start_s = loop.time()
    for number in range(count):
        await asyncio.sleep(max(0.0, start_s + number / rate_per_s - loop.time()))
        sent_ns.append(time.time_ns())
        page.publish([text_of(number)], first_id=number)
    await _wait_arrived(page, other, count, is_lossless=is_lossless)
    spent = {
        f"{name}_cpu_ms": (_processor_s(pid) - begin_s[name]) * MS_IN_S / count
        for name, pid in pids.items()
    }
    whole_ns = [came - sent_ns[int(frame["text"])] for came, frame in other.messages]
    return {
        "p50_ms": p50_ms(whole_ns),
        "p99_ms": p99_ms(whole_ns),
        "lost": count - len(whole_ns),
        "cpu_ms": sum(spent.values()),
    } | spent


async def _wait_arrived(page: Page, other: Page, count: int, *, is_lossless: bool) -> None:
    """Wait for all messages; the older design loses some."""
    if not is_lossless:
        await other.wait_quiet_or_messages(count, PATIENCE_S)
        return
    await other.wait_messages(count)
    await page.wait_messages(count)
    await page.wait_answers(count)
    check_order([frame["text"] for _, frame in other.messages], count)


async def _burst(page: Page, other: Page, count: int, *, is_lossless: bool) -> dict[str, float]:
    """Publish all at once; return how many arrive, and when the last one does."""
    page.forget()
    other.forget()
    begin_ns = time.time_ns()
    page.publish([text_of(number) for number in range(count)])
    await _wait_arrived(page, other, count, is_lossless=is_lossless)
    last_ns = other.messages[-1][0] if other.messages else begin_ns
    return {"burst_arrived": len(other.messages), "burst_s": (last_ns - begin_ns) / NS_IN_S}


def _processor_s(pid: int) -> float:
    """Return the processor time of a process, finer than the kernel's ticks.

    Source: Documentation/scheduler/sched-stats.rst, /proc/PID/schedstat.
    """
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / NS_IN_S
