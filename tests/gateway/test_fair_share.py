"""A browser that publishes without bound: it waits, and is refused, for itself alone."""

from __future__ import annotations

import asyncio
import itertools
import signal
from contextlib import suppress
from statistics import median
from typing import Any

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.driver import GatewayProcess, NodeProcess
from tests.driver.fixtures import StartGateway
from tests.driver.waiting import wait_until

NO_RATE = {"message_rate": 1_000_000, "message_burst": 1_000_000}
IN_FLIGHT = 1_000
OWN = 20
MOST_BEFORE = IN_FLIGHT // 2
"""Messages of the other that may stand before one's own though they were not acked when it
was sent: what is at the node, and what this test has not read yet."""


def publish(number: int, text: str) -> str:
    return orjson.dumps({"type": "publish", "id": number, "text": text}).decode()


def wait_in_flight(gateway: GatewayProcess, count: int) -> None:
    """Wait until so many publishes have no answer."""
    line = f"gateway_publishes_in_flight {float(count)}"
    wait_until(lambda: gateway.get("/metrics").text, lambda text: line in text)


async def flood(browser: ClientConnection) -> None:
    with suppress(ConnectionClosed):
        for number in itertools.count():
            await browser.send(publish(number, f"flood {number}"))


class Flooder:
    """Publishes without end and reads every answer; ``acked`` is the newest number."""

    def __init__(self, browser: ClientConnection) -> None:
        self.acked = -1
        self._browser = browser

    async def read(self) -> None:
        with suppress(ConnectionClosed):
            async for payload in self._browser:
                frame = orjson.loads(payload)
                assert frame["type"] == "ack", frame
                self.acked = frame["id"]


async def frames_of(browser: ClientConnection, kind: str) -> dict[str, Any]:
    """Return the next frame of a kind."""
    async for payload in browser:
        frame: dict[str, Any] = orjson.loads(payload)
        if frame["type"] == kind:
            return frame
    raise AssertionError("closed")


async def count_before_own(browser: ClientConnection, flooder: Flooder) -> list[int]:
    """Publish one after the other; count the flood's messages before each not acked till then."""
    counts = []
    newest = 0
    for number in range(OWN):
        acked = flooder.acked
        await browser.send(publish(number, f"own {number}"))
        while (text := (await frames_of(browser, "message"))["text"]) != f"own {number}":
            newest = int(text.removeprefix("flood "))
        counts.append(newest - acked)
    return counts


def test_one_that_floods_has_few_messages_before_those_of_others(
    start_gateway: StartGateway, start_node: Any
) -> None:
    node = start_node("a", publish_rate=1_000_000, publish_burst=1_000_000)
    gateway = start_gateway(node, client_in_flight=IN_FLIGHT, in_flight=IN_FLIGHT, **NO_RATE)
    gateway.wait_node_reachable()

    async def play() -> list[int]:
        async with (
            connect(gateway.ws_url, compression=None, max_queue=None) as other,
            connect(gateway.ws_url, compression=None) as browser,
        ):
            await browser.send('{"type": "hello", "after": null}')
            await frames_of(browser, "snapshot")
            flooder = Flooder(other)
            tasks = [asyncio.create_task(one) for one in (flood(other), flooder.read())]
            while flooder.acked < IN_FLIGHT:
                await asyncio.sleep(0.01)
            counts = await count_before_own(browser, flooder)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return counts

    counts = asyncio.run(play())
    print(f"messages of the other before own ones: {counts}")
    assert median(counts) <= MOST_BEFORE


def test_what_cannot_start_for_long_is_refused_and_others_are_served(
    node: NodeProcess, start_gateway: StartGateway
) -> None:
    """The node stands still; all that was accepted is answered once it goes on."""
    most = 50
    gateway = start_gateway(node, client_in_flight=most, in_flight=most, **NO_RATE)
    gateway.wait_node_reachable()

    async def play() -> None:
        async with (
            connect(gateway.ws_url, compression=None) as flooder,
            connect(gateway.ws_url, compression=None) as other,
        ):
            node.signal(signal.SIGSTOP)
            try:
                for number in range(most + 3):
                    await flooder.send(publish(number, f"flood {number}"))
                for number in range(most, most + 3):
                    refused = orjson.loads(await flooder.recv())
                    assert (refused["id"], refused["code"]) == (number, "RESOURCE_EXHAUSTED")
                    assert refused["reason"] == "OVERLOADED"
                    assert refused["retry_after_ms"] > 0
                await other.send(publish(1, "own"))
                await asyncio.to_thread(wait_in_flight, gateway, most + 1)
            finally:
                node.signal(signal.SIGCONT)
            acked = [orjson.loads(await flooder.recv()) for _ in range(most)]
            assert [(frame["type"], frame["id"]) for frame in acked] == [
                ("ack", number) for number in range(most)
            ]
            assert orjson.loads(await other.recv())["type"] == "ack"
            await flooder.send(publish(most, "again"))
            assert orjson.loads(await flooder.recv())["type"] == "ack"

    asyncio.run(play())
