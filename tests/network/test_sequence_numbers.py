"""Messages whose sequence numbers are no clock, or a wrong one, reach every member."""

from __future__ import annotations

import random
import time
from collections import Counter

import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.custom_types import TProtocol

from p2pd.net.addresses import peer_info_from_text
from tests.driver.fixtures import StartNode
from tests.driver.listener import EventListener
from tests.driver.node import NodeProcess
from tests.upstream.stacks import STOCK
from tests.upstream.strangers import MESHSUB, publish_frame, signed_message

DAY_NS = 24 * 3600 * 10**9
YEAR_NS = 365 * DAY_NS
chance = random.Random(11)


def chosen_numbers() -> dict[str, int]:
    """List sequence numbers as peers of other programs choose them."""
    now_ns = time.time_ns()
    return {
        "zero": 0,
        "one": 1,
        "a small counter": 7_001,
        "seconds": now_ns // 10**9,
        "milliseconds": now_ns // 10**6,
        "2020": 1_577_836_800 * 10**9 + 5,
        "2021": 1_625_000_000_000_000_000,
        "two years behind": now_ns - 2 * YEAR_NS,
        "40 days behind": now_ns - 40 * DAY_NS,
        "an hour behind": now_ns - 3600 * 10**9,
        "now": now_ns,
        "an hour ahead": now_ns + 3600 * 10**9,
        "2040": 2_208_988_800 * 10**9,
        "random": chance.randrange(1 << 64),
        "random again": chance.randrange(1 << 64),
        "the highest": (1 << 64) - 1,
    }


async def send_all(address: str, numbers: dict[str, int]) -> None:
    """Be a stock peer that sends a message with each number."""
    info = peer_info_from_text(address)
    key_pair = create_new_key_pair()
    async with STOCK.host() as stranger:
        await stranger.connect(info)
        stream = await stranger.new_stream(info.peer_id, [MESHSUB])
        for name, seqno in numbers.items():
            message = signed_message(key_pair, name.encode(), seqno=seqno.to_bytes(8, "big"))
            await stream.write(publish_frame(message))
        ping = await stranger.new_stream(info.peer_id, [TProtocol("/ipfs/ping/1.0.0")])
        await ping.write(bytes(32))
        await ping.read(32)


def wait_all(node: NodeProcess, numbers: dict[str, int], timeout_s: float) -> EventListener:
    with EventListener(node, after="") as listener:
        listener.wait_messages(len(numbers), timeout_s=timeout_s)
        assert Counter(listener.texts) == Counter(list(numbers))
        return listener


def test_every_member_gets_every_message_whatever_its_number(start_node: StartNode) -> None:
    a, b, c = nodes = [start_node(name, sync_interval_s=1) for name in "abc"]
    for other in (b, c):
        other.connect(a)
        other.wait_peer(a, "chat-room")
        other.kill()
    numbers = chosen_numbers()
    trio.run(send_all, a.address, numbers)
    live = wait_all(a, numbers, 30)
    believed = {one.text for one in live.messages if one.HasField("send_time")}
    assert believed == {"an hour behind", "now"}
    b.start()
    b.connect(a)
    wait_all(b, numbers, 60)
    a.kill()
    c.start()
    c.connect(b)
    wait_all(c, numbers, 60)
    a.start()
    for node in nodes:
        node.publish(f"{node.name} goes on")
