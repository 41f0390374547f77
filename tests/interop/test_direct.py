"""Direct messages with a js-libp2p program, in the protocol of the field, both ways."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import EventListener, NodeProcess
from tests.driver.direct import direct_page, send_direct
from tests.driver.fixtures import StartNode
from tests.driver.waiting import wait_until
from tests.interop.foreign_peer import ForeignPeer
from tests.interop.programs import node_program


def told(peer: ForeignPeer, kind: str) -> list[dict[str, Any]]:
    return [line for line in peer.told if line["type"] == kind]


def accept(node: NodeProcess, peer_id: str) -> None:
    """Accept what a program writes that is in no room."""
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        look = partial(stub.ListDirectRequests, chat_pb2.ListDirectRequestsRequest(), timeout=30)
        wait_until(lambda: [one.peer_id for one in look().requests], [peer_id].__eq__)
        stub.AcceptDirect(chat_pb2.AcceptDirectRequest(peer_id=peer_id), timeout=30)


def test_a_program_of_the_field_and_our_node_write_to_one_another(start_node: StartNode) -> None:
    node = start_node("node")
    with ForeignPeer((*node_program("dm-peer.js"), node.address)) as js:
        js.say("héllo from js")
        accept(node, js.peer_id)
        with EventListener(node) as at_node:
            js.say("twice!")
            wait_until(lambda: len(told(js, "sent")), (3).__eq__)
            js.say("last")
            last = at_node.wait_text("last")
            assert (last.peer_id, last.author_id) == (js.peer_id, js.peer_id)
            assert last.HasField("send_time")
        assert {line["status"] for line in told(js, "sent")} == {200}
        before_ms = time.time() * 1000 - 60_000
        for text in ("héllo from us", "and again", "and again"):
            send_direct(node, js.peer_id, text)
        wait_until(lambda: len(told(js, "direct")), (3).__eq__)
        received = told(js, "direct")
        assert [line["text"] for line in received] == ["héllo from us", "and again", "and again"]
        assert {(line["author"], line["kind"]) for line in received} == {
            (node.peer_id, "text/plain")
        }
        assert received[0]["client"].startswith("wsp/")
        timestamps = [line["timestamp"] for line in received]
        assert before_ms < timestamps[0] <= timestamps[1] < timestamps[2]
    texts = [message.text for message in direct_page(node, js.peer_id)]
    assert texts == [
        "héllo from js", "twice!", "last", "héllo from us", "and again", "and again"
    ]  # fmt: skip
