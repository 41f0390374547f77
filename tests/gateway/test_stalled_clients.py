"""200 browsers, five of which never read: nobody else notices."""

from __future__ import annotations

import asyncio
import re
import socket
from contextlib import ExitStack, suppress

import orjson
from websockets.asyncio.client import ClientConnection, connect

from tests.driver import GatewayProcess, NodeProcess, wait_until_async
from tests.driver.fixtures import StartGateway
from tests.gateway.raw import HELLO, raw_browser, wait_closed

READERS = 195
DEAF = 5
MESSAGES = 200
TEXT_BYTES = 6_000
STALL_TIMEOUT_S = 3.0
MAX_HELD_BYTES = MESSAGES * TEXT_BYTES // 4
"""For one browser: a full buffer is below this; what the deaf are owed is far above."""

UNASKED_PONG = bytes((0x8A, 0x80, 0, 0, 0, 0))


async def read_numbers(reader: ClientConnection) -> list[int]:
    """Read until the last message; return the numbers of all, in order."""
    numbers: list[int] = []
    async for payload in reader:
        frame = orjson.loads(payload)
        if frame["type"] == "message":
            numbers.append(int(frame["text"].split()[0]))
            if numbers[-1] == MESSAGES - 1:
                return numbers
    raise AssertionError(f"closed with {reader.close_code} after {numbers[-3:]}")


async def open_reader(gateway: GatewayProcess) -> ClientConnection:
    reader = await connect(gateway.ws_url, compression=None, open_timeout=60)
    await reader.send(HELLO.decode())
    assert orjson.loads(await reader.recv())["type"] == "snapshot"
    return reader


async def publish_all(gateway: GatewayProcess) -> None:
    """Publish one message after the other, each once the one before is kept."""
    padding = "x" * TEXT_BYTES
    async with connect(gateway.ws_url, compression=None) as author:
        for number in range(MESSAGES):
            text = f"{number} {padding}"
            await author.send(
                orjson.dumps({"type": "publish", "id": number, "text": text}).decode()
            )
            answer = orjson.loads(await author.recv())
            assert answer["type"] == "ack", answer


async def metric(gateway: GatewayProcess, name: str) -> float:
    page = await asyncio.to_thread(gateway.get, "/metrics")
    found = re.search(rf"^{re.escape(name)} (\S+)$", page.text, re.MULTILINE)
    return float(found[1]) if found else 0.0


async def watch_held(gateway: GatewayProcess, seen: list[float]) -> None:
    """List the bytes that are held for the one browser that most is held for."""
    while True:
        seen.append(await metric(gateway, "gateway_held_bytes_most"))
        await asyncio.sleep(0.05)


async def keep_talking(deaf: list[socket.socket]) -> None:
    """Show signs of life, so that only what they do not take gives the deaf away."""
    while True:
        for one in deaf:
            with suppress(OSError):
                one.sendall(UNASKED_PONG)
        await asyncio.sleep(STALL_TIMEOUT_S / 10)


async def play(
    gateway: GatewayProcess, deaf: list[socket.socket], held: list[float]
) -> list[list[int]]:
    background = [
        asyncio.create_task(watch_held(gateway, held)),
        asyncio.create_task(keep_talking(deaf)),
    ]
    readers = await asyncio.gather(*(open_reader(gateway) for _ in range(READERS)))
    reading = [asyncio.create_task(read_numbers(reader)) for reader in readers]
    await publish_all(gateway)
    numbers = await asyncio.gather(*reading)
    await wait_until_async(
        lambda: metric(gateway, 'gateway_closes_total{reason="stalled"}'),
        lambda closed: closed == DEAF,
        timeout_s=60,
    )
    assert await metric(gateway, "gateway_clients") == READERS
    for task in background:
        task.cancel()
    await asyncio.gather(*(reader.close() for reader in readers))
    return numbers


def test_200_browsers_five_of_which_never_read(
    node: NodeProcess, start_gateway: StartGateway
) -> None:
    gateway = start_gateway(
        node, message_rate=10_000, message_burst=10_000, stall_timeout_s=STALL_TIMEOUT_S
    )
    gateway.wait_node_reachable()
    held: list[float] = []
    with ExitStack() as stack:
        deaf = [stack.enter_context(raw_browser(gateway)) for _ in range(DEAF)]
        numbers = asyncio.run(play(gateway, deaf, held))
        for one in deaf:
            wait_closed(one)
    assert numbers == [list(range(MESSAGES))] * READERS
    assert 0 < max(held) <= MAX_HELD_BYTES, f"held {max(held):.0f} bytes for one browser"


def test_a_browser_that_is_silent_and_answers_no_ping_is_cut_off(
    start_gateway: StartGateway, node: NodeProcess
) -> None:
    gateway = start_gateway(node, stall_timeout_s=1)
    with raw_browser(gateway) as silent:
        wait_closed(silent)
    assert 'gateway_closes_total{reason="silent"} 1.0' in gateway.get("/metrics").text


def test_a_browser_that_only_listens_is_kept(
    start_gateway: StartGateway, node: NodeProcess
) -> None:
    async def listen(gateway: GatewayProcess) -> None:
        async with connect(gateway.ws_url, compression=None, ping_interval=None) as quiet:
            with raw_browser(gateway) as silent:
                await asyncio.to_thread(wait_closed, silent)
            await quiet.send('{"type":"hello"}')
            assert orjson.loads(await quiet.recv())["type"] == "snapshot"

    asyncio.run(listen(start_gateway(node, stall_timeout_s=1)))
