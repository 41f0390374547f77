"""Several gateways at one node: a browser goes on at any of them, behind HAProxy as well."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

from tests.driver import GatewayProcess, NodeProcess
from tests.driver.fixtures import StartGateway
from tests.driver.haproxy import Haproxy, free_port, running_haproxy
from tests.gateway.roaming import Author, Reader

MANY = 1_000_000
"""A rate that nobody reaches."""
READERS = 12
LAST = "that was all"


async def numbered(count: int) -> AsyncIterator[str]:
    """Give so many texts, and the last one."""
    for number in range(count):
        yield str(number)
    yield LAST


def test_a_browser_that_changes_gateways_with_its_cursor_loses_and_doubles_nothing(
    node: NodeProcess, start_gateway: StartGateway
) -> None:
    gateways = [start_gateway(node, message_rate=MANY) for _ in range(2)]
    for gateway in gateways:
        gateway.wait_node_reachable()
    urls = itertools.cycle(gateway.ws_url for gateway in gateways)
    count, moves_after = 300, 7

    async def play() -> Reader:
        reader = Reader(lambda: next(urls), moves_after=moves_after)
        author = Author(lambda: gateways[0].ws_url)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(reader.read_to(LAST))
            await reader.is_reading.wait()
            tasks.create_task(author.publish(numbered(count)))
        return reader

    reader = asyncio.run(play())
    assert reader.texts == [*map(str, range(count)), LAST]
    assert reader.connections >= count // moves_after


def test_reloads_of_haproxy_and_restarts_of_gateways_lose_and_double_nothing(
    node: NodeProcess, start_gateway: StartGateway, tmp_path: Path
) -> None:
    port = free_port()
    origin = f"http://127.0.0.1:{port}"
    gateways = [start_gateway(node, allowed_origins=origin, message_rate=MANY) for _ in range(2)]
    for gateway in gateways:
        gateway.wait_node_reachable()
    with running_haproxy(tmp_path, port, gateways) as haproxy:
        readers, said = asyncio.run(
            talk_during_changes(f"ws://127.0.0.1:{port}/ws", haproxy, gateways)
        )
    for reader in readers:
        assert reader.texts == [*map(str, range(said)), LAST]
    # The reload cut every connection off once, and each restart those of one gateway.
    assert sum(reader.connections for reader in readers) >= 3 * READERS


async def talk_during_changes(
    url: str, haproxy: Haproxy, gateways: list[GatewayProcess]
) -> tuple[list[Reader], int]:
    """Have all read while one publishes; return the readers, and how many texts there were."""
    readers = [Reader(lambda: url) for _ in range(READERS)]
    is_over = asyncio.Event()
    said = 0

    async def texts() -> AsyncIterator[str]:
        nonlocal said
        while not is_over.is_set():
            yield str(said)
            said += 1
            await asyncio.sleep(0.005)
        yield LAST

    async with asyncio.TaskGroup() as tasks:
        for reader in readers:
            tasks.create_task(reader.read_to(LAST))
        for reader in readers:
            await reader.is_reading.wait()
        tasks.create_task(Author(lambda: url).publish(texts()))
        await asyncio.to_thread(change, haproxy, gateways)
        is_over.set()
    return readers, said


def change(haproxy: Haproxy, gateways: list[GatewayProcess]) -> None:
    """Reload HAProxy so that its old worker ends, then restart each gateway."""
    haproxy.reload()
    haproxy.wait_old_workers_ended()
    for gateway in gateways:
        gateway.restart()
        gateway.wait_node_reachable()
