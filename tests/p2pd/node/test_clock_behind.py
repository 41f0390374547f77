"""A node whose clock is years behind takes part: it is heard, retained and brought to all."""

from __future__ import annotations

from pathlib import Path

import grpc
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.fixtures import StartNode
from tests.driver.listener import EventListener
from tests.driver.node import NodeProcess
from tests.driver.waiting import wait_until
from tests.p2pd.node.in_process import InProcessNode

YEAR_NS = 365 * 24 * 3600 * 10**9
SAID = {"said years behind", "said years behind again", "said in time"}


def texts_of(node: NodeProcess) -> set[str]:
    with node.open_channel() as channel:
        request = chat_pb2.ListMessagesRequest(limit=100)
        page = chat_pb2_grpc.ChatServiceStub(channel).ListMessages(request, timeout=30)
    return {event.message.text for event in page.messages}


def connect(node: InProcessNode, address: str) -> None:
    with grpc.insecure_channel(node.target) as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        stub.Connect(chat_pb2.ConnectRequest(address=address), timeout=60)


def test_what_a_node_says_whose_clock_is_years_behind_reaches_all_and_stays(
    tmp_path: Path, start_node: StartNode
) -> None:
    witness, absent = start_node("witness", sync_interval_s=1), start_node("absent")
    absent.connect(witness)
    absent.wait_peer(witness, "chat-room")
    absent.kill()
    behind = InProcessNode(tmp_path / "behind")
    behind.set_by_ns = -5 * YEAR_NS

    def talk() -> None:
        connect(behind, witness.address)
        wait_until(lambda: witness.peers("chat-room"))
        behind.publish("said years behind")
        wait_until(lambda: texts_of(witness), lambda seen: "said years behind" in seen)
        witness.publish("said in time")
        wait_until(behind.messages, lambda seen: "said in time" in seen)
        behind.publish("said years behind again")
        wait_until(lambda: texts_of(witness), lambda seen: seen == SAID)

    behind.run(talk)
    absent.start()
    absent.connect(witness)
    wait_until(lambda: texts_of(absent), lambda seen: seen == SAID)
    assert set(behind_texts(behind)) == SAID
    with EventListener(absent, after="") as listener:
        listener.wait_messages(len(SAID))
        assert {one.text for one in listener.messages if one.HasField("send_time")} == {
            "said in time"
        }
    assert texts_of(witness) == SAID


def behind_texts(node: InProcessNode) -> list[str]:
    texts: list[str] = []
    node.run(lambda: texts.extend(node.messages()))
    return texts
