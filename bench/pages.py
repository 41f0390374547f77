"""Page to page: two WebSockets on two gateways on two nodes.

The hops of a paced message come from the times that its frame carries: when
its author's node signed it and when the other node took it. All processes
share one machine and one clock.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

import uvloop

from bench.libp2p_layer import PACED_PER_S, WARM_UP_MESSAGES
from bench.libp2p_peer import SIZE_BYTES
from bench.measure import NS_IN_S, Figures, p50_ms, p99_ms
from bench.services import running_services
from bench.sizes import Sizes
from bench.web_socket import Page, open_page


def run(store: str, sizes: Sizes) -> Figures:
    """Measure one pair of pages: some messages at 50 a second, then many at once.

    Args:
        store: Where the nodes keep messages: ``disk`` or ``memory``.
    """
    with running_services() as running:
        nodes = running.start_node_pair(store=store)
        addresses = [running.start_gateway(node).http_address for node in nodes]
        return uvloop.run(_measure(addresses[0], addresses[1], sizes))


async def _measure(address: str, other_address: str, sizes: Sizes) -> Figures:
    async with _open_pages(address, other_address) as (page, other):
        await _burst(page, other, WARM_UP_MESSAGES)
        latencies = await _paced(page, other, sizes.paced)
        return {**latencies, "burst_per_s": await _burst(page, other, sizes.burst)}


@asynccontextmanager
async def _open_pages(address: str, other_address: str) -> AsyncIterator[tuple[Page, Page]]:
    page, other = await open_page(address), await open_page(other_address)
    try:
        yield page, other
    finally:
        page.close()
        other.close()


async def _burst(page: Page, other: Page, count: int) -> float:
    """Publish all at once; return how many a second arrive on the other page."""
    page.forget()
    other.forget()
    begin_ns = time.time_ns()
    page.publish([text_of(number) for number in range(count)])
    await page.wait_answers(count)
    _check_kept(page)
    await other.wait_messages(count)
    await page.wait_messages(count)
    check_order([frame["text"] for _, frame in other.messages], count)
    return count / ((other.messages[-1][0] - begin_ns) / NS_IN_S)


async def _paced(page: Page, other: Page, count: int) -> dict[str, float]:
    """Publish 50 a second; return the latencies, whole and hop by hop."""
    page.forget()
    other.forget()
    sent_ns = []
    async for number in paced(count):
        sent_ns.append(time.time_ns())
        page.publish([text_of(number)], first_id=number)
    await other.wait_messages(count)
    await page.wait_answers(count)
    await page.wait_messages(count)
    _check_kept(page)
    arrived = other.messages
    whole_ns = [came - sent for (came, _), sent in zip(arrived, sent_ns, strict=True)]
    signed_ns = [ns_from_text(frame["send_time"]) for _, frame in arrived]
    taken_ns = [ns_from_text(frame["receive_time"]) for _, frame in arrived]
    return {
        "p50_ms": p50_ms(whole_ns),
        "p99_ms": p99_ms(whole_ns),
        "to_signed_ms": p50_ms(b - a for a, b in zip(sent_ns, signed_ns, strict=True)),
        "node_to_node_ms": p50_ms(b - a for a, b in zip(signed_ns, taken_ns, strict=True)),
        "to_page_ms": p50_ms(came - a for a, (came, _) in zip(taken_ns, arrived, strict=True)),
        "own_event_ms": p50_ms(_since(page.messages, sent_ns)),
        "answer_ms": p50_ms(_since(page.answers, sent_ns)),
    }


async def paced(count: int) -> AsyncIterator[int]:
    """Yield numbers, 50 a second."""
    loop = asyncio.get_running_loop()
    begin_s = loop.time()
    for number in range(count):
        await asyncio.sleep(max(0.0, begin_s + number / PACED_PER_S - loop.time()))
        yield number


def text_of(number: int) -> str:
    """Return the text of a message, as long as those of the libp2p layer."""
    return f"{number:0{SIZE_BYTES}}"


def check_order(texts: list[str], count: int) -> None:
    """See that all texts came, each once, in order."""
    if texts != [text_of(number) for number in range(count)]:
        raise RuntimeError(f"{len(texts)} messages came, not the {count} sent, or out of order")


def ns_from_text(text: str) -> int:
    """Read a time in RFC 3339 as nanoseconds of the wall clock."""
    return round(datetime.fromisoformat(text).timestamp() * 1e6) * 1000


def _check_kept(page: Page) -> None:
    """See that every publish was acknowledged."""
    refused = [frame for _, frame in page.answers if frame["type"] != "ack"]
    if refused:
        raise RuntimeError(f"{len(refused)} publishes were refused, first {refused[0]}")


def _since(frames: Sequence[tuple[int, object]], sent_ns: list[int]) -> list[int]:
    return [came - sent for (came, _), sent in zip(frames, sent_ns, strict=True)]
