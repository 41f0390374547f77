"""Messages that arrive late stand by the time they were sent, and say that they came late."""

from __future__ import annotations

import time

import pytest

from tests.driver import EventListener, NodeProcess, wait_until
from tests.driver.fixtures import StartGateway, StartNode
from tests.e2e.chat_page import ChatPage
from tests.e2e.conftest import OpenPage
from tests.e2e.saying import say_all
from tests.e2e.test_accessibility import violations

#: ``LATE_AFTER_MS`` of the page, and a little for what is sent last.
LATE_S = 6.0
EARLY = [f"early {number}" for number in range(3)]
#: Tells by how much the text moved that was first in sight, in any frame since.
WATCH_PLACE = """() => {
  const log = document.getElementById("log");
  const top = log.getBoundingClientRect().top;
  const bubbles = [...log.querySelectorAll(".bubble")];
  const anchor = bubbles.find((one) => one.getBoundingClientRect().bottom > top + 100);
  const begin = anchor.getBoundingClientRect().top;
  window.mostMoved = 0;
  const look = () => {
    const moved = Math.abs(anchor.getBoundingClientRect().top - begin);
    window.mostMoved = Math.max(window.mostMoved, moved);
    window.watching = requestAnimationFrame(look);
  };
  cancelAnimationFrame(window.watching);
  look();
}"""


@pytest.fixture
def apart(
    start_node: StartNode, start_gateway: StartGateway, open_page: OpenPage
) -> tuple[tuple[NodeProcess, NodeProcess], tuple[ChatPage, ChatPage]]:
    """Give two nodes that do not know each other, each with a page."""
    nodes = start_node("a"), start_node("b")
    gateways = [start_gateway(node) for node in nodes]
    for gateway in gateways:
        gateway.wait_node_reachable()
    pages = open_page(gateways[0]), open_page(gateways[1])
    return nodes, pages


def test_messages_of_before_two_nodes_met_stand_by_send_time_and_are_marked(
    apart: tuple[tuple[NodeProcess, NodeProcess], tuple[ChatPage, ChatPage]],
) -> None:
    (node_a, node_b), (a, b) = apart
    a.type("first")
    a.wait_all_kept()
    for text in EARLY:
        b.type(text)
        b.wait_all_kept()
    wait_passed(LATE_S)
    a.type("meanwhile")
    a.wait_all_kept()
    node_b.connect(node_a)
    expected = ["first", *EARLY, "meanwhile"]
    for page in (a, b):
        wait_until(lambda page=page: page.texts, lambda texts: texts == expected)
    b.type("and now")
    a.wait_message("and now")
    marks = [message["late"] for message in a.messages]
    assert [bool(mark) for mark in marks] == [False, True, False, False, False, False]
    assert marks[1].startswith("3 messages arrived late, ")
    assert a.page.get_attribute(".late:not([hidden])", "title").startswith("arrived ")
    assert [message["late"] for message in b.messages] == [""] * 6, "what it begins with is no news"
    a.page.reload()
    wait_until(lambda: a.texts, lambda texts: texts == [*expected, "and now"])
    assert [message["late"] for message in a.messages] == marks
    for theme in ("light", "dark"):
        a.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        assert violations(a) == []


def test_a_late_joiner_sees_the_history_without_marks(
    start_node: StartNode, start_gateway: StartGateway, open_page: OpenPage
) -> None:
    early = start_node("early")
    texts = [f"history {number}" for number in range(30)]
    say_all((early, text) for text in texts)
    wait_passed(LATE_S)
    late = start_node("late")
    page = open_page(start_gateway(late))
    page.type("anybody here?")
    page.wait_all_kept()
    late.connect(early)
    wait_until(lambda: page.texts, lambda seen: seen == [*texts, "anybody here?"])
    assert {message["late"] for message in page.messages} == {""}
    page.page.reload()
    wait_until(lambda: page.texts, lambda seen: seen == [*texts, "anybody here?"])
    assert {message["late"] for message in page.messages} == {""}


def test_what_is_in_sight_is_whole_though_the_log_is_in_another_order(
    start_node: StartNode, start_gateway: StartGateway, open_page: OpenPage
) -> None:
    near, far = start_node("near"), start_node("far")
    speakers = (near, far, far)
    lines = [(speakers[number % 3], f"line {number}") for number in range(180)]
    say_all(lines)
    wait_passed(LATE_S)
    far.connect(near)
    with EventListener(near, after="") as listener:
        listener.wait_messages(len(lines), timeout_s=60)
    page = open_page(start_gateway(near))
    expected = [text for _, text in lines]
    wait_until(lambda: page.texts[-30:], lambda seen: seen == expected[-30:])


@pytest.mark.timeout(240)
def test_scrolling_up_and_late_arrivals_never_move_what_is_read(
    start_node: StartNode, start_gateway: StartGateway, open_page: OpenPage
) -> None:
    near, far = start_node("near"), start_node("far")
    lines = []
    for number in range(400):
        lines.append((near, f"line {number}"))
        if number % 20 == 0:
            lines.append((far, f"late {number}"))
    say_all(lines)
    page = open_page(start_gateway(near))
    page.wait_message("line 399")
    assert len(page.texts) == 100
    page.page.evaluate("document.getElementById('log').scrollTop = 500")
    page.page.evaluate(WATCH_PLACE)
    page.wait_message("line 200")
    far.connect(near)
    page.wait_text("#new-messages", "20 new messages")
    page.wait_message("late 300")
    assert page.page.evaluate("window.mostMoved") < 1.5
    while "beginning of" not in page.page.inner_text("#log-start"):
        shown = len(page.messages)
        page.page.evaluate("document.getElementById('log').scrollTop = 0")
        page.page.evaluate(WATCH_PLACE)
        wait_until(
            lambda shown=shown: (len(page.messages), page.page.inner_text("#log-start")),
            lambda seen, shown=shown: seen[0] > shown or "beginning of" in seen[1],
        )
        assert page.page.evaluate("window.mostMoved") < 1.5
    assert page.texts == [text for _, text in lines]


def wait_passed(seconds: float) -> None:
    """Wait until so much time has passed: how late a message is, is what is tested."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end)
