"""The page comes back by itself, and what was written meanwhile goes out once."""

from __future__ import annotations

import pytest

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.e2e.chat_page import ChatPage

Nodes = tuple[NodeProcess, NodeProcess]
Gateways = tuple[GatewayProcess, GatewayProcess]
Pages = tuple[ChatPage, ChatPage]


def test_the_page_comes_back_after_the_gateway_was_killed(
    node_pair: Nodes, gateway_pair: Gateways, page_pair: Pages
) -> None:
    a, b = page_pair
    a.type("before")
    a.wait_all_kept()
    b.wait_message("before")
    gateway_pair[0].kill()
    a.wait_text("#banners", "The gateway is away")
    a.type("written while the gateway was away")
    a.wait_message("written while the gateway was away", state="Waiting")
    node_pair[1].publish("said while the gateway was away")
    gateway_pair[0].restart()
    a.wait_message("said while the gateway was away", author=node_pair[1].peer_id)
    a.wait_message("written while the gateway was away", state="Sent")
    b.wait_message("written while the gateway was away", author=node_pair[0].peer_id)
    wait_until(lambda: a.banners, lambda seen: seen == [])
    a.type("afterwards")
    b.wait_message("afterwards")
    assert b.texts.count("written while the gateway was away") == 1
    assert sorted(a.texts) == sorted(b.texts)


def test_the_page_comes_back_after_the_node_was_killed(node_pair: Nodes, page_pair: Pages) -> None:
    (node_a, node_b), (a, b) = node_pair, page_pair
    a.type("before")
    a.wait_all_kept()
    b.wait_message("before")
    node_a.kill()
    a.wait_text("#banners", "The node is away")
    a.type("written while the node was away")
    a.wait_message("written while the node was away", state="Waiting")
    node_a.restart()
    wait_until(lambda: a.banners, lambda seen: "node-unreachable" not in seen)
    node_a.wait_peer(node_b, "chat-room", timeout_s=60)
    b.wait_message("written while the node was away", author=node_a.peer_id)
    a.wait_message("written while the node was away", own=True)
    a.type("afterwards")
    b.wait_message("afterwards")
    assert b.texts == ["before", "written while the node was away", "afterwards"]
    assert a.texts == b.texts


def test_unsent_messages_outlive_a_reload_and_go_out_once(
    node_pair: Nodes, page_pair: Pages
) -> None:
    (node_a, node_b), (a, b) = node_pair, page_pair
    node_a.kill()
    a.wait_text("#banners", "The node is away")
    for number in range(3):
        a.type(f"kept {number}")
    a.page.reload()
    a.wait_message("kept 2", state="Waiting")
    node_a.restart()
    a.wait_message("kept 2", own=True)
    node_a.wait_peer(node_b, "chat-room", timeout_s=60)
    b.wait_message("kept 2")
    a.type("last")
    b.wait_message("last")
    assert b.texts == ["kept 0", "kept 1", "kept 2", "last"]
    a.wait_all_kept()


@pytest.mark.parametrize("times", [2])
def test_a_page_whose_gateway_and_then_node_are_killed_goes_on(
    node_pair: Nodes, gateway_pair: Gateways, page_pair: Pages, times: int
) -> None:
    (node_a, node_b), (a, b) = node_pair, page_pair
    for number in range(times):
        gateway_pair[0].kill()
        a.wait_text("#banners", "The gateway is away")
        node_a.kill()
        a.type(f"round {number}")
        node_a.restart()
        gateway_pair[0].restart()
        node_a.wait_peer(node_b, "chat-room", timeout_s=60)
        b.wait_message(f"round {number}")
        a.wait_all_kept()
    assert b.texts == [f"round {number}" for number in range(times)]
