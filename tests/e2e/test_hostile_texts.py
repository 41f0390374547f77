"""Nothing a peer sends is ever more than text."""

from __future__ import annotations

from playwright.sync_api import expect
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import NodeProcess, wait_until
from tests.e2e.chat_page import ChatPage
from tests.e2e.hostile_texts import AWAY, HOSTILE_TEXTS

Parts = tuple[NodeProcess, NodeProcess, ChatPage]
#: What of them is Markdown: a picture is a link, and a link shows its host.
AS_MARKDOWN = {
    f"![picture]({AWAY}.png)": "!picture (127.0.0.1:9)",
    "__proto__": "proto",
}
READ_SHOWN = (
    """(app) => app.chat.active.messages.map(({ key, author, text }) => ({ key, author, text }))"""
)
READ_ELEMENTS = """() => [...document.querySelectorAll(".text, .text *")].map((one) =>
  [one.localName, ...one.getAttributeNames()].join(" "))"""


def test_hostile_texts_show_as_text_and_run_nothing(pair_of_nodes_and_a_page: Parts) -> None:
    _, peer, page = pair_of_nodes_and_a_page
    assert len(HOSTILE_TEXTS) > 50
    for text in HOSTILE_TEXTS:
        peer.publish(text)
    page.wait_message(HOSTILE_TEXTS[-1][:1000] + "…")
    kept = wait_until(lambda: page.run(READ_SHOWN), lambda seen: len(seen) == len(HOSTILE_TEXTS))
    assert [one["text"] for one in kept] == list(HOSTILE_TEXTS)
    for shown, text in zip(page.messages, HOSTILE_TEXTS, strict=True):
        assert shown["author"] == peer.peer_id
        expected = AS_MARKDOWN.get(text, text)
        assert expected.startswith(shown["text"].removesuffix("…"))
        assert shown["text"] == expected or len(text) > 800
    allowed = {"p class dir", "a href target rel title", "div class dir", "p dir", "strong"}
    allowed |= {"span class"}
    assert set(page.page.evaluate(READ_ELEMENTS)) <= allowed
    page.assert_nothing_ran()
    unfold_all(page)
    assert HOSTILE_TEXTS[-2] in page.texts
    page.assert_nothing_ran()
    assert_nothing_sticks_out(page)


def test_links_are_web_links_that_give_nothing_away(pair_of_nodes_and_a_page: Parts) -> None:
    _, peer, page = pair_of_nodes_and_a_page
    peer.publish("see https://example.org/a?b=c (or http://example.com). javascript:alert(1)")
    links = page.page.locator(".text a")
    expect(links).to_have_count(2)
    for link, href in zip(
        links.all(), ("https://example.org/a?b=c", "http://example.com/"), strict=True
    ):
        assert link.get_attribute("href") == href
        assert link.get_attribute("target") == "_blank"
        assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    page.assert_nothing_ran()


def test_bytes_that_are_no_text_are_told_of(pair_of_nodes_and_a_page: Parts) -> None:
    _, peer, page = pair_of_nodes_and_a_page
    with peer.open_channel() as channel:
        request = chat_pb2.PublishRequest(data=b"\xff\xfe<script>\x00")
        chat_pb2_grpc.ChatServiceStub(channel).Publish(request, timeout=30)
    page.wait_message("Not text: 11 bytes", author=peer.peer_id)


def unfold_all(page: ChatPage) -> None:
    """Press every button that shows the whole of a message."""
    page.page.evaluate(
        "() => document.querySelectorAll('.fold-button').forEach((button) => button.click())"
    )


def assert_nothing_sticks_out(page: ChatPage) -> None:
    """Check that no text makes the page wider than the screen."""
    overflow = "(one) => one.scrollWidth - one.clientWidth"
    assert page.page.eval_on_selector("html", overflow) == 0
    assert page.page.eval_on_selector("#log", overflow) == 0
