"""Messages that arrive late stand by the time they were sent, and say that they came late."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.driver import wait_until
from tests.driver.fixtures import StartGateway, StartNode
from tests.e2e.chat_page import ChatPage
from tests.e2e.conftest import OpenPage
from tests.e2e.scripted_gateway import ScriptedGateway
from tests.e2e.test_accessibility import violations

BEGIN = datetime(2026, 11, 23, 10, tzinfo=UTC)
HOUR_S = 3_600.0
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


class Speaker:
    """Says things at given times by a gateway that answers from a script."""

    def __init__(self, gateway: ScriptedGateway) -> None:
        self._gateway = gateway

    def say(self, text: str, sent_s: float) -> None:
        """Have a message come live, as it is sent."""
        self._send(text, sent_s, sent_s, "live")

    def bring(self, text: str, sent_s: float, received_s: float) -> None:
        """Have synchronisation bring a message that was sent before."""
        self._send(text, sent_s, received_s, "backfilled")

    def _send(self, text: str, sent_s: float, received_s: float, delivery: str) -> None:
        times = {"send_time": time_text(sent_s), "receive_time": time_text(received_s)}
        self._gateway.send_message(text, **times, delivery=delivery)


@pytest.fixture
def speaker(scripted: ScriptedGateway) -> Speaker:
    """Give whoever says things at given times."""
    return Speaker(scripted)


def test_late_messages_stand_by_send_time_and_are_marked_also_after_a_reload(
    scripted_page: ChatPage, speaker: Speaker
) -> None:
    page = scripted_page
    speaker.say("first", 0)
    speaker.say("meanwhile", 60)
    for number in range(3):
        speaker.bring(f"early {number}", 10 + number, HOUR_S)
    speaker.say("and now", HOUR_S + 1)
    expected = ["first", "early 0", "early 1", "early 2", "meanwhile", "and now"]
    for _ in range(2):
        wait_until(lambda: page.texts, lambda texts: texts == expected)
        marks = [message["late"] for message in page.messages]
        assert [bool(mark) for mark in marks] == [False, True, False, False, False, False]
        assert marks[1].startswith("3 messages arrived late, ")
        title = page.page.get_attribute(".late:not([hidden])", "title")
        assert title is not None
        assert title.startswith("arrived ")
        page.page.reload()
    for theme in ("light", "dark"):
        page.page.emulate_media(color_scheme=theme, reduced_motion="reduce")
        assert violations(page) == []


def test_what_came_live_stands_where_it_arrived_whatever_time_its_author_gave(
    scripted_page: ChatPage, scripted: ScriptedGateway, speaker: Speaker
) -> None:
    speaker.say("before", 0)
    receive_time = time_text(60)
    for text, sent_s in (("of years ago", -5e7), ("of next year", 3e7), ("of an hour ago", -3e3)):
        scripted.send_message(text, send_time=time_text(sent_s), receive_time=receive_time)
    speaker.say("behind", 120)
    odd = {"of years ago", "of next year", "of an hour ago"}
    scripted_page.wait_message("behind")
    for _ in range(2):
        texts = wait_until(lambda: scripted_page.texts, lambda seen: len(seen) == len(odd) + 2)
        assert (texts[0], {*texts[1:-1]}, texts[-1]) == ("before", odd, "behind")
        assert {message["late"] for message in scripted_page.messages} == {""}
        scripted_page.page.reload()


def test_a_late_joiner_sees_the_history_without_marks(
    scripted_page: ChatPage, speaker: Speaker
) -> None:
    texts = [f"history {number}" for number in range(30)]
    speaker.say("anybody here?", HOUR_S)
    for number, text in enumerate(texts):
        speaker.bring(text, number, HOUR_S + 1)
    for _ in range(2):
        wait_until(lambda: scripted_page.texts, lambda seen: seen == [*texts, "anybody here?"])
        assert {message["late"] for message in scripted_page.messages} == {""}
        scripted_page.page.reload()


def test_what_is_in_sight_is_whole_though_the_log_is_in_another_order(
    scripted_page: ChatPage, speaker: Speaker
) -> None:
    expected = [f"line {number}" for number in range(180)]
    for number, text in enumerate(expected):
        if number % 3 == 0:
            speaker.say(text, number)
    for number, text in enumerate(expected):
        if number % 3:
            speaker.bring(text, number, HOUR_S)
    scripted_page.page.reload()
    wait_until(lambda: scripted_page.texts[-30:], lambda seen: seen == expected[-30:])


def test_scrolling_up_and_late_arrivals_never_move_what_is_read(
    scripted_page: ChatPage, speaker: Speaker
) -> None:
    page = scripted_page
    lines = [(f"line {number}", float(number)) for number in range(400)]
    late = [(f"late {number}", number + 0.5) for number in range(0, 400, 20)]
    for text, sent_s in lines:
        speaker.say(text, sent_s)
    page.page.reload()
    page.wait_message("line 399")
    assert len(page.texts) == 100
    page.page.evaluate("document.getElementById('log').scrollTop = 500")
    page.page.evaluate(WATCH_PLACE)
    page.wait_message("line 200")
    for number, (text, sent_s) in enumerate(late, start=1):
        speaker.bring(text, sent_s, HOUR_S)
        # Each in a frame of its own, so that what rounding moves would add up.
        page.wait_text("#new-messages", f"{number} new message")
    page.wait_message("late 300")
    assert page.page.evaluate("window.mostMoved") < 1.5
    while "beginning of" not in page.page.inner_text("#log-start"):
        shown = len(page.messages)
        page.page.evaluate("document.getElementById('log').scrollTop = 0")
        page.page.evaluate(WATCH_PLACE)
        wait_until(
            lambda shown=shown: (len(page.messages), page.page.inner_text("#log-start")),  # type: ignore[misc]
            lambda seen, shown=shown: seen[0] > shown or "beginning of" in seen[1],  # type: ignore[misc]
        )
        assert page.page.evaluate("window.mostMoved") < 1.5
    ordered = sorted([*lines, *late], key=lambda line: line[1])
    assert page.texts == [text for text, _ in ordered]


def test_nodes_that_meet_show_what_each_said_before_in_the_same_order(
    start_node: StartNode, start_gateway: StartGateway, open_page: OpenPage
) -> None:
    nodes = start_node("a"), start_node("b")
    gateways = [start_gateway(node) for node in nodes]
    for gateway in gateways:
        gateway.wait_node_reachable()
    a, b = open_page(gateways[0]), open_page(gateways[1])
    for page, text in ((a, "first"), (b, "second"), (b, "third"), (a, "fourth")):
        page.type(text)
        page.wait_all_kept()
    nodes[1].connect(nodes[0])
    expected = ["first", "second", "third", "fourth"]
    wait_until(lambda: (a.texts, b.texts), lambda seen: seen == (expected, expected))


def time_text(seconds: float) -> str:
    """Return the time so many seconds after the beginning, as the gateway writes it."""
    return f"{BEGIN + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S.%f}Z"
