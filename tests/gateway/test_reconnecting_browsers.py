"""500 browsers come back to a restarted gateway at once, each from a cursor of its own."""

from __future__ import annotations

import asyncio
import itertools

import orjson
import psutil
from websockets.asyncio.client import ClientConnection, connect
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import GatewayProcess, NodeProcess

BROWSERS = 500
PLACES = 100
MISSED = 100
"""Messages that the one who is least behind has missed; the others up to twice as many."""
MAX_GROWTH_BYTES = 30 * 2**20
"""500 sockets and a full channel are below this; what each is owed, kept for it, is not."""
LEAST_MEANWHILE = 3
"""Publishes of somebody else that are answered while all return."""


def publish_all(node: NodeProcess) -> list[str]:
    """Publish numbered messages; return their cursors."""
    publishes = [chat_pb2.PublishRequest(text=str(number)) for number in range(PLACES + MISSED)]
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        answers = stub.PublishStream(iter([chat_pb2.PublishStreamRequest(publishes=publishes)]))
        return [one.published.cursor for answer in answers for one in answer.results]


async def return_to(gateway: GatewayProcess, cursor: str) -> list[int]:
    """Come back with a cursor and read to the last numbered message; return the numbers."""
    numbers: list[int] = []
    async with connect(gateway.ws_url, compression=None, open_timeout=120) as browser:
        await browser.send(orjson.dumps({"type": "hello", "after": cursor}).decode())
        async for payload in browser:
            frame = orjson.loads(payload)
            assert frame["type"] != "gap"
            if frame["type"] == "message" and frame["text"].isdigit():
                numbers.append(int(frame["text"]))
                if numbers[-1] == PLACES + MISSED - 1:
                    return numbers
    raise AssertionError(f"closed after {numbers[-3:]}")


async def publish_on(author: ClientConnection, answered: list[int]) -> None:
    """Publish one message after the other, for ever; list those that were answered."""
    for number in itertools.count():
        text = f"meanwhile {number}"
        await author.send(orjson.dumps({"type": "publish", "id": number, "text": text}).decode())
        answer = orjson.loads(await author.recv())
        assert answer["type"] == "ack", answer
        answered.append(number)
        await asyncio.sleep(0.05)


async def play(gateway: GatewayProcess, cursors: list[str], answered: list[int]) -> list[list[int]]:
    async with connect(gateway.ws_url, compression=None) as author:
        publishing = asyncio.create_task(publish_on(author, answered))
        numbers = await asyncio.gather(
            *(return_to(gateway, cursors[one % PLACES]) for one in range(BROWSERS))
        )
        assert not publishing.done()
        publishing.cancel()
    return numbers


def test_all_get_what_they_missed_once_and_nobody_else_waits(
    node: NodeProcess, gateway: GatewayProcess
) -> None:
    cursors = publish_all(node)
    gateway.restart()
    gateway.wait_node_reachable()
    before_bytes = psutil.Process(gateway.pid).memory_info().rss
    answered: list[int] = []
    numbers = asyncio.run(play(gateway, cursors, answered))
    grown_bytes = psutil.Process(gateway.pid).memory_info().rss - before_bytes
    expected = [list(range(one % PLACES + 1, PLACES + MISSED)) for one in range(BROWSERS)]
    assert numbers == expected
    assert len(answered) >= LEAST_MEANWHILE
    assert grown_bytes <= MAX_GROWTH_BYTES, f"grew by {grown_bytes / 2**20:.1f} MiB"
