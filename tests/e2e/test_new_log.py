"""The node's log has begun anew, or has let go of what the page did not see: it is told."""

from __future__ import annotations

import shutil

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.driver.fixtures import StartGateway, StartNode
from tests.e2e.chat_page import ChatPage
from tests.e2e.conftest import OpenPage
from tests.e2e.saying import say_all

KEPT = 50


def test_a_page_whose_node_lost_its_data_chats_on_and_sends_what_it_kept(
    node_pair: tuple[NodeProcess, NodeProcess], page_pair: tuple[ChatPage, ChatPage]
) -> None:
    (node_a, node_b), (a, b) = node_pair, page_pair
    for number in range(20):
        page = page_pair[number % 2]
        page.type(f"line {number}")
        page.wait_all_kept()
    for page in page_pair:
        page.wait_message("line 19")
    node_a.kill()
    a.wait_text("#banners", "The node is away")
    a.type("kept in the outbox")
    shutil.rmtree(node_a.data_dir)
    node_a.start()
    a.wait_text("#banners", "The node has begun a new log")
    a.wait_message("kept in the outbox", author=node_a.peer_id, own=True)
    a.wait_all_kept()
    node_b.connect(node_a)
    b.wait_message("kept in the outbox", author=node_a.peer_id)
    a.type("and on")
    b.type("and on as well")
    expected = [*(f"line {number}" for number in range(20)), "kept in the outbox"]
    for page in page_pair:
        page.wait_message("and on")
        page.wait_message("and on as well")
        assert page.texts[:-2] == expected
    assert a.conversation == b.conversation
    a.page.reload()
    a.wait_message("line 0")
    assert a.conversation == b.conversation


def test_what_the_node_no_longer_keeps_is_counted_and_the_rest_is_there(
    start_node: StartNode, start_gateway: StartGateway, open_page: OpenPage
) -> None:
    node = start_node(retention_messages=KEPT)
    gateway: GatewayProcess = start_gateway(node)
    page = open_page(gateway)
    page.type("seen")
    page.wait_all_kept()
    gateway.kill()
    page.wait_text("#banners", "The gateway is away")
    say_all((node, f"line {number}") for number in range(200))
    wait_until(lambda: count_kept(node), lambda count: count == KEPT)
    gateway.restart()
    page.wait_text("#banners", f"{200 - KEPT} messages are missing here")
    page.wait_text("#log-start", "beginning of")
    wait_until(lambda: page.texts, lambda texts: "line 199" in texts)
    assert page.texts == ["seen", *(f"line {number}" for number in range(200 - KEPT, 200))]
    page.page.click("#banners .banner[data-kind=gap] button")
    wait_until(lambda: page.banners, lambda banners: banners == [])


def count_kept(node: NodeProcess) -> int:
    """Return how many messages of its room the node keeps."""
    with node.open_channel() as channel:
        answer = chat_pb2_grpc.ChatServiceStub(channel).ListRooms(
            chat_pb2.ListRoomsRequest(), timeout=30
        )
    return answer.rooms[0].message_count
