"""Two pages, two gateways, two nodes, one conversation."""

from __future__ import annotations

import re

from tests.driver import NodeProcess, wait_until
from tests.e2e.chat_page import ChatPage

Pages = tuple[ChatPage, ChatPage]
Nodes = tuple[NodeProcess, NodeProcess]


def test_a_line_typed_in_each_page_is_read_in_the_other_with_its_author(
    node_pair: Nodes, page_pair: Pages
) -> None:
    (node_a, node_b), (a, b) = node_pair, page_pair
    a.type("hello from a")
    b.wait_message("hello from a", author=node_a.peer_id, own=False, state="")
    b.type("hello from b")
    a.wait_message("hello from b", author=node_b.peer_id, own=False, state="")
    mine = a.wait_message("hello from a", name="You", own=True, state="Sent")
    assert mine["author"] == node_a.peer_id
    assert a.texts == b.texts == ["hello from a", "hello from b"]
    assert [one["time"][:16] for one in a.messages] == [one["time"][:16] for one in b.messages]


def test_a_reload_shows_the_history_and_the_room(page_pair: Pages) -> None:
    a, b = page_pair
    for number in range(5):
        a.type(f"line {number}")
    b.wait_message("line 4")
    b.page.reload()
    b.wait_message("line 0")
    assert b.texts == [f"line {number}" for number in range(5)]
    a.page.reload()
    a.wait_message("line 0", own=True, state="Sent")


def test_several_lines_and_scripts_are_shown_as_written(page_pair: Pages) -> None:
    a, b = page_pair
    text = "first\n  second\n\nשלום and 你好 and 👩‍🚀"
    a.type(text)
    b.wait_message(text)


def test_the_page_tells_who_is_here_and_how_they_are_connected(
    node_pair: Nodes, page_pair: Pages
) -> None:
    (node_a, node_b), (a, _) = node_pair, page_pair
    wait_until(lambda: a.subtitle, lambda seen: seen == "You and 1 other")
    names = a.page.eval_on_selector_all(
        "#peers-here .peer-name", "all => all.map((one) => one.textContent)"
    )
    assert names == [f"{node_a.peer_id[-8:]} (you)", node_b.peer_id[-8:]]
    wait_until(
        lambda: a.page.inner_text("#peers-here li:nth-child(2) .peer-line"),
        lambda seen: seen == "Direct",
    )
    a.page.click("#peers-here li:nth-child(2) .peer")
    measured = re.compile(r"Round trip\s+(<1|\d+) ms")
    facts = wait_until(lambda: a.page.inner_text("#person-facts"), measured.search, timeout_s=60)
    assert "tcp" in facts
    assert a.page.inner_text("#person-card .peer-id") == node_b.peer_id
    a.close_dialog()
    node_b.stop()
    wait_until(lambda: a.subtitle, lambda seen: seen == "Nobody else is here yet")


def test_rooms_are_joined_switched_and_left(page_pair: Pages) -> None:
    a, b = page_pair
    for page in page_pair:
        page.join("boats & cafés")
    wait_until(lambda: a.subtitle, lambda seen: seen == "You and 1 other")
    a.type("only in boats")
    b.wait_message("only in boats")
    b.enter("chat-room")
    b.wait_text("#room-title", "chat-room")
    assert b.texts == []
    a.type("while you were elsewhere")
    wait_until(
        lambda: b.page.inner_text(".room:has-text('boats') .unread"), lambda seen: seen == "1"
    )
    b.enter("boats & cafés")
    b.wait_message("while you were elsewhere")
    b.page.reload()
    b.wait_message("only in boats")
    b.leave()
    b.wait_text("#room-title", "chat-room")
    wait_until(lambda: b.page.inner_text("#rooms"), lambda seen: "boats" not in seen)
    wait_until(lambda: a.subtitle, lambda seen: seen == "Nobody else is here yet")
    b.page.click("#toasts button")
    b.wait_text("#room-title", "boats & cafés")
    wait_until(lambda: a.subtitle, lambda seen: seen == "You and 1 other")


def test_a_reader_of_old_messages_is_not_moved_and_told_of_new_ones(
    node_pair: Nodes, page_pair: Pages
) -> None:
    peer, (page, _) = node_pair[1], page_pair
    for number in range(60):
        peer.publish(f"old {number}")
    page.wait_message("old 59")
    top = "document.getElementById('log').scrollTop"
    page.page.evaluate(f"{top} = 200")
    wait_until(lambda: page.page.is_visible("#new-messages"))
    before = page.page.evaluate(top)
    for number in range(3):
        peer.publish(f"new {number}")
    page.wait_text("#new-messages", "3 new messages")
    assert page.page.inner_text("#new-messages-count") == "3"
    assert page.page.evaluate(top) == before
    page.page.click("#new-messages")
    page.wait_message("new 2")
    wait_until(lambda: page.page.is_hidden("#new-messages"))
