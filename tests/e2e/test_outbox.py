"""What was written is sent once, whichever tab sends it and whatever the browser keeps."""

from __future__ import annotations

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.e2e.chat_page import ChatPage
from tests.e2e.test_controls import leave

Nodes = tuple[NodeProcess, NodeProcess]
Pages = tuple[ChatPage, ChatPage]
FILL_STORAGE = """() => {
  for (let size = 2 ** 23; size >= 1; size /= 2) {
    try { localStorage.setItem(`fill ${size}`, "x".repeat(size)); } catch { continue; }
  }
}"""
DENY_STORAGE = """Object.defineProperty(window, "localStorage", {
  get() { throw new DOMException("denied", "SecurityError"); },
});"""
WRITE_HALF_A_CHARACTER = """() => {
  document.getElementById("composer-text").value = "half \\ud83d";
  document.getElementById("composer").requestSubmit();
}"""


def test_two_tabs_with_one_outbox_send_each_message_once(
    node_pair: Nodes, page_pair: Pages
) -> None:
    (node_a, node_b), (a, b) = node_pair, page_pair
    node_a.kill()
    a.wait_text("#banners", "The node is away")
    a.type("in one tab")
    other = ChatPage(a.context, a.url)
    other.wait_message("in one tab", state="Waiting")
    other.type("in the other tab")
    node_a.start()
    node_a.wait_peer(node_b, "chat-room", timeout_s=90)
    expected = ["in one tab", "in the other tab"]
    for tab in (a, other):
        for text in expected:
            tab.wait_message(text, state="Sent", author=node_a.peer_id)
        tab.type(f"last of {len(expected)}")
        expected.append(f"last of {len(expected)}")
    for page in (a, other, b):
        page.wait_message(expected[-1])
        assert sorted(page.texts) == sorted(expected)
    a.wait_all_kept()


def test_what_a_closed_tab_left_unsent_is_sent_by_one_that_is_open(
    node_pair: Nodes, page_pair: Pages
) -> None:
    (node_a, node_b), (a, b) = node_pair, page_pair
    other = ChatPage(a.context, a.url)
    other.wait_ready()
    node_a.kill()
    a.wait_text("#banners", "The node is away")
    a.type("left behind")
    a.page.close()
    node_a.start()
    node_a.wait_peer(node_b, "chat-room", timeout_s=90)
    other.wait_message("left behind", state="Sent")
    b.wait_message("left behind", author=node_a.peer_id)
    other.wait_all_kept()
    assert other.texts == b.texts == ["left behind"]


def test_a_message_that_failed_and_is_removed_in_one_tab_goes_from_the_other(
    node: NodeProcess, gateway: GatewayProcess, page: ChatPage
) -> None:
    gateway.kill()
    page.wait_text("#banners", "The gateway is away")
    page.type("to a room that was left")
    leave(node, "chat-room")
    gateway.restart()
    other = ChatPage(page.context, page.url)
    for tab in (page, other):
        tab.wait_message("to a room that was left", state="Not sent")
    page.page.get_by_role("button", name="Remove").click()
    wait_until(lambda: other.texts, lambda texts: texts == [])
    other.wait_all_kept()


def test_a_full_storage_keeps_nobody_from_writing_and_closing_is_asked_about(
    node: NodeProcess, page: ChatPage
) -> None:
    page.page.evaluate(FILL_STORAGE)
    node.kill()
    page.wait_text("#banners", "The node is away")
    page.type("only here")
    page.wait_message("only here", state="Waiting")
    page.page.evaluate("() => void location.reload()")
    wait_until(lambda: (page.texts, page.dialogs), lambda seen: seen == (["only here"], [""]))
    node.start()
    page.wait_message("only here", state="Sent, nobody here yet")
    page.page.reload()
    page.wait_message("only here", state="Sent")
    assert page.texts == ["only here"]
    assert page.dialogs == [""]


def test_a_page_that_is_denied_storage_chats(page: ChatPage) -> None:
    page.context.add_init_script(DENY_STORAGE)
    page.page.reload()
    page.type("kept by the node alone")
    page.wait_message("kept by the node alone", state="Sent, nobody here yet")
    assert page.complaints == []


def test_half_a_character_does_not_hold_a_message_up(page: ChatPage) -> None:
    page.page.evaluate(WRITE_HALF_A_CHARACTER)
    page.wait_message("half �", state="Sent, nobody here yet")
