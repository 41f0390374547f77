"""Two nodes that write to one another while either is killed at any moment: each message once."""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial

import grpc
import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.forked import ForkedNode
from tests.driver.seeds import chosen_seed
from tests.driver.waiting import wait_until
from tests.faults.conftest import StartForked
from tests.faults.follower import Follower

KILLS = int(os.environ.get("DIRECT_KILLS", "8"))
MAX_LIFE_S = 2.0
AGREED_WITHIN_S = 90.0


class Sender:
    """A caller that sends direct messages one behind the other until it is told to stop.

    Attributes:
        sent: The ids that the node answered, in order.
    """

    def __init__(self, node: ForkedNode, peer_id: str) -> None:
        self.sent: list[str] = []
        self._node = node
        self._peer_id = peer_id
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        with self._node.open_lasting_channel() as channel:
            stub = chat_pb2_grpc.ChatServiceStub(channel)
            while not self._stopping.is_set():
                name = f"{self._node.name} {len(self.sent)}"
                request = chat_pb2.SendDirectRequest(
                    peer_id=self._peer_id, text=name, client_message_id=name
                )
                try:
                    answer = stub.SendDirect(request, timeout=30, wait_for_ready=True)
                except grpc.RpcError:
                    continue
                self.sent.append(answer.message_id)
                self._stopping.wait(0.01)


def kill_either(nodes: list[ForkedNode], chance: random.Random) -> None:
    for _ in range(KILLS):
        time.sleep(chance.random() * MAX_LIFE_S)
        node = chance.choice(nodes)
        node.kill()
        if chance.random() < 0.5:
            time.sleep(chance.random() * MAX_LIFE_S)
        node.start()


@pytest.mark.timeout(180 + 6 * KILLS)
def test_each_direct_message_arrives_once_whoever_is_killed(start_forked: StartForked) -> None:
    nodes = [start_forked(name) for name in ("ann", "bob")]
    ann, bob = nodes
    ann.connect(bob)
    ids = [node.peer_id for node in nodes]
    senders = [Sender(ann, ids[1]), Sender(bob, ids[0])]
    with ExitStack() as stack:
        followers = [stack.enter_context(Follower(node)) for node in nodes]
        with ThreadPoolExecutor() as pool:
            running = [pool.submit(sender.run) for sender in senders]
            try:
                kill_either(nodes, random.Random(chosen_seed()))
            finally:
                for sender in senders:
                    sender.stop()
        for each in running:
            each.result()
        said = {message_id for sender in senders for message_id in sender.sent}
        for follower in followers:
            follower.wait_all(said, AGREED_WITHIN_S)
            assert follower.complaints == []
            assert follower.messages.keys() == said
        for follower, sender in zip(reversed(followers), senders, strict=True):
            received = [one for one in follower.messages if one in set(sender.sent)]
            assert received == sender.sent
    assert all(len(sender.sent) > KILLS for sender in senders)
    for node, sender in zip(nodes, senders, strict=True):
        wait_until(partial(is_held, node, sender.sent[-1]))


def is_held(node: ForkedNode, message_id: str) -> bool:
    """Return whether a node knows that its message has arrived."""
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        answer = stub.GetMessage(chat_pb2.GetMessageRequest(message_id=message_id), timeout=30)
    return bool(answer.held_by)
