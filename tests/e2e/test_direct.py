"""Two people write to each other alone, page to page over real nodes."""

from __future__ import annotations

from tests.driver import NodeProcess, wait_until
from tests.e2e.chat_page import ChatPage


def test_two_pages_write_to_each_other_alone(
    node_pair: tuple[NodeProcess, NodeProcess], page_pair: tuple[ChatPage, ChatPage]
) -> None:
    (node_a, node_b), (a, b) = node_pair, page_pair
    a.page.click("#peers-here li:nth-child(2) .peer")
    a.page.click("#person-write")
    a.wait_text("#room-title", node_b.peer_id[-8:])
    a.type("only for you")
    a.wait_message("only for you", own=True)
    wait_until(lambda: b.page.inner_text("#rooms"), lambda seen: "only for you" in seen)
    assert "only for you" not in b.texts
    b.enter(node_a.peer_id[-8:])
    b.wait_message("only for you", author=node_a.peer_id)
    b.type("and back")
    a.wait_message("and back", author=node_b.peer_id)
    a.wait_message("only for you", held="Delivered")
    for page in page_pair:
        page.assert_nothing_ran()
