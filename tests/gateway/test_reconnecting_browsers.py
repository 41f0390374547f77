"""Hundreds of browsers come back to a restarted gateway at once, from many cursors."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import pairwise

import orjson
import psutil
from websockets.asyncio.client import ClientConnection, connect
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from gateway.delivery.catch_up import WRITE_MAX_BYTES
from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.driver.fixtures import StartGateway
from tests.gateway.counting_proxy import counting_proxy
from tests.gateway.raw import metric, raw_browser

MIB = 2**20
BROWSERS = 500
PLACES = 100
MISSED = 100
"""Messages that the one who is least behind has missed; the others up to twice as many."""
BACKLOG_BYTES = 3 * MIB
"""What the gateway retains of the messages that all of them missed, and of its writes."""
BURST = 100
IDLE_BROWSERS = 30
TEXT_BYTES = 1_000
MISSED_BYTES = 2 * MIB
STILL_LOOKS = 10
LEAST_MEANWHILE = 3
"""Publishes of somebody else that are answered while all return."""


def publish_texts(node: NodeProcess, texts: Sequence[str]) -> list[str]:
    """Publish texts, some to a request; return their cursors."""
    publishes = [chat_pb2.PublishRequest(text=text) for text in texts]
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        bursts = (publishes[at : at + BURST] for at in range(0, len(publishes), BURST))
        asked = (chat_pb2.PublishStreamRequest(publishes=burst) for burst in bursts)
        return [
            one.published.cursor for answer in stub.PublishStream(asked) for one in answer.results
        ]


def publish_all(node: NodeProcess) -> list[str]:
    """Publish numbered messages; return their cursors."""
    return publish_texts(node, [str(number) for number in range(PLACES + MISSED)])


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
    """Browsers that missed one message come first: much that was missed costs no more memory."""
    cursors = publish_all(node)
    gateway.restart()
    gateway.wait_node_reachable()
    process = psutil.Process(gateway.pid)
    resident_bytes = [process.memory_info().rss]
    for behind in ([PLACES + MISSED - 2] * PLACES, list(range(PLACES))):
        answered: list[int] = []
        numbers = asyncio.run(play(gateway, [cursors[one] for one in behind], answered))
        expected = [
            list(range(behind[one % PLACES] + 1, PLACES + MISSED)) for one in range(BROWSERS)
        ]
        assert numbers == expected
        assert len(answered) >= LEAST_MEANWHILE
        resident_bytes.append(process.memory_info().rss)
    for_little, for_much = (after - before for before, after in pairwise(resident_bytes))
    print(f"grew by {for_little / MIB:.1f} MiB, then by {for_much / MIB:.1f} MiB")
    assert for_much <= for_little + BACKLOG_BYTES


async def return_all(gateway: GatewayProcess, cursors: list[str]) -> None:
    await asyncio.gather(*(return_to(gateway, cursor) for cursor in cursors))


def test_the_node_sends_once_what_many_browsers_missed(
    node: NodeProcess, start_gateway: StartGateway
) -> None:
    """Compares with a single browser, the one that missed most."""
    cursors = publish_all(node)
    sent_bytes = []
    for returning in (cursors[:1], cursors[:PLACES] * 3):
        with counting_proxy(node.grpc_address) as proxy:
            gateway = start_gateway(proxy.address)
            gateway.wait_node_reachable()
            before_bytes = proxy.sent_bytes
            asyncio.run(return_all(gateway, returning))
            sent_bytes.append(proxy.sent_bytes - before_bytes)
            gateway.stop()
    for_one, for_all = sent_bytes
    print(f"the node sent {for_one} bytes for one, {for_all} for all")
    assert for_all <= 1.5 * for_one


def test_those_that_return_and_read_nothing_hold_one_small_write_each(
    node: NodeProcess, start_gateway: StartGateway
) -> None:
    """They missed far more than their sockets take."""
    texts = ["x" * TEXT_BYTES] * (MISSED_BYTES // TEXT_BYTES)
    publish_texts(node, texts)
    gateway = start_gateway(node)
    gateway.wait_node_reachable()
    hello = orjson.dumps({"type": "hello", "after": ""})
    with ExitStack() as stack:
        for _ in range(IDLE_BROWSERS):
            stack.enter_context(raw_browser(gateway, hello))
        wait_nothing_written(gateway)
        most = metric(gateway, "gateway_held_bytes_most")
        replayed = metric(gateway, "gateway_replayed_events_total")
    print(f"at most {most} bytes each; {replayed} events fetched of {len(texts)}")
    assert most <= WRITE_MAX_BYTES + 2 * TEXT_BYTES
    assert replayed <= 1.2 * len(texts)


def wait_nothing_written(gateway: GatewayProcess) -> None:
    """Wait until the gateway has written to all and then nothing more for some looks."""
    seen: list[float] = []

    def look() -> list[float]:
        seen.append(metric(gateway, "gateway_sent_bytes_total"))
        return seen[-STILL_LOOKS:]

    least = IDLE_BROWSERS * WRITE_MAX_BYTES
    wait_until(look, lambda last: last[0] >= least and last == [last[0]] * STILL_LOOKS)
