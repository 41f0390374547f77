"""A node that liars offer messages to: its metrics tell of each, and it serves the honest."""

from __future__ import annotations

import time
from collections import Counter

import httpx
import trio
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.network.stream.exceptions import StreamError
from prometheus_client.parser import text_string_to_metric_families

from p2pd.domain.items import END
from p2pd.domain.names import DEFAULT_ROOM, RoomName
from p2pd.sync.reconciliation import Listed, Settled
from tests.driver.fixtures import StartNode
from tests.driver.listener import EventListener
from tests.driver.waiting import wait_until
from tests.p2pd.sync.members import make_signed
from tests.p2pd.sync.strangers import giving, opening, stream_to
from tests.upstream.stacks import OURS
from tests.upstream.strangers import signed_message

AUTHOR = create_new_key_pair()


def lies() -> dict[str, bytes]:
    """List what a stranger sends, each by the reason that it is counted by."""
    ahead_ns = time.time_ns() + 3600 * 10**9
    seqno = ahead_ns.to_bytes(8, "big")
    opened = opening(Listed(END, ()), room=DEFAULT_ROOM)
    forged = signed_message(AUTHOR, b"forged", topics=[DEFAULT_ROOM], seqno=seqno)
    forged.data = b"altered"
    large = signed_message(AUTHOR, b"x" * 60_001, topics=[DEFAULT_ROOM], seqno=seqno)
    replayed = make_signed(b"of another room", AUTHOR, ahead_ns, RoomName("den"))
    return {
        "sync_message_signature_wrong": opened + giving(forged.SerializeToString()),
        "sync_message_too_large": opened + giving(large.SerializeToString()),
        "sync_message_of_another_room": opened + giving(replayed.signed_bytes),
        "sync_ranges_malformed": opening(Settled(END), Settled(END), room=DEFAULT_ROOM),
        "sync_frame_too_large": b"\xff\xff\xff\x7f",
        "sync_frame_empty": opened + giving() * 2,
    }


def rejected(address: str) -> dict[str, float]:
    """Scrape what the node has dropped, by reason."""
    text = httpx.get(f"http://{address}/metrics", timeout=10).text
    return {
        sample.labels["reason"]: sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "p2pd_rejected_inputs_total"
    }


async def lie(address: str, content: bytes) -> None:
    """Be a stranger that sends this, and wait until the node ends the session."""
    async with OURS.host() as stranger, stream_to(address, stranger) as stream:
        try:
            await stream.write(content)
            while await stream.read(1 << 16):
                pass
        except StreamError:
            return


async def lie_all(address: str) -> None:
    async with trio.open_nursery() as nursery:
        for content in lies().values():
            nursery.start_soon(lie, address, content)


def test_a_node_takes_no_lie_and_goes_on_with_the_honest(
    start_node: StartNode, free_tcp_port: int
) -> None:
    metrics = f"127.0.0.1:{free_tcp_port}"
    node, honest = start_node("a", metrics_listen=metrics), start_node("b")
    for number in range(100):
        honest.publish(str(number))
    honest.kill()
    honest.start()
    with EventListener(node) as listener:
        node.connect(honest)
        trio.run(lie_all, node.address)
        listener.wait_messages(100, timeout_s=60)
        assert Counter(listener.texts) == Counter(str(number) for number in range(100))
    expected = dict.fromkeys(lies(), 1)
    wait_until(lambda: rejected(metrics), lambda seen: expected.items() <= seen.items())
