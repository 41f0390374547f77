"""No violation of the accessibility rules, in any theme and on any screen; keys for all."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.e2e.chat_page import ChatPage
from tests.e2e.conftest import OpenPage

AXE = Path(__file__).parents[1] / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """async () => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  const tell = (nodes) => nodes.map((node) => `${node.html} ${node.failureSummary}`).join("; ");
  return violations.map(({ id, nodes }) => `${id}: ${tell(nodes)}`);
}"""
WIDE = {"width": 1280, "height": 800}
NARROW = {"width": 390, "height": 844}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_no_violation(
    node_pair: tuple[NodeProcess, NodeProcess],
    gateway_pair: tuple[GatewayProcess, GatewayProcess],
    open_page: OpenPage,
    theme: str,
    size: dict[str, int],
) -> None:
    page = open_page(gateway_pair[0], color_scheme=theme, viewport=size, reduced_motion="reduce")
    fill_with_messages(page, node_pair[1])
    assert violations(page) == []
    for dialog in ("add-dialog", "me-dialog", "person-dialog"):
        open_by_script(page, dialog)
        assert violations(page) == []
        page.close_dialog()
    if size is NARROW:
        for panel in ("rooms-panel", "peers-panel"):
            page.page.click(f'[data-open-panel="{panel}"]')
            wait_until(partial(page.page.is_visible, f"#{panel} [data-close-panel]"))
            assert violations(page) == []
            page.page.keyboard.press("Escape")
    gateway_pair[0].kill()
    page.wait_text("#banners", "The gateway is away")
    page.type("written while it is away")
    page.wait_message("written while it is away", state="Waiting")
    assert violations(page) == []


def test_everything_is_reached_and_used_with_the_keyboard(page: ChatPage) -> None:
    keyboard = page.page.keyboard
    wait_until(lambda: focused(page), lambda seen: seen == "Message")
    keyboard.type("first line")
    keyboard.press("Shift+Enter")
    keyboard.type("second line")
    keyboard.press("Enter")
    page.wait_message("first line\nsecond line", state="Sent, nobody here yet")
    assert focused(page) == "Message"
    order = tab_order(page)
    expected = [
        "Add a room or a person",
        "chat-room",
        "Invite",
        "More for this conversation",
        "chat-room log",
        "Message",
        "Send",
        "Add a person",
    ]
    assert [one for one in order if one in expected] == expected
    outlines = page.page.evaluate("() => getComputedStyle(document.activeElement).outlineStyle")
    assert outlines != "none"


def test_a_room_is_joined_left_and_joined_again_with_the_keyboard(page: ChatPage) -> None:
    keyboard = page.page.keyboard
    page.page.focus("#open-add")
    keyboard.press("Enter")
    for _ in range(9):
        if focused(page) == "Join or make a room":
            break
        keyboard.press("Tab")
    keyboard.type("boats")
    keyboard.press("Enter")
    page.wait_text("#room-title", "boats")
    wait_until(lambda: focused(page), lambda seen: seen == "Message")
    page.page.focus("#room-menu-button")
    keyboard.press("Enter")
    assert focused(page) == "Leave the room"
    keyboard.press("Escape")
    assert focused(page) == "More for this conversation"
    assert page.page.is_hidden("#room-menu")
    keyboard.press("Enter")
    keyboard.press("Enter")
    page.wait_text("#toasts", "You left boats.")
    page.wait_text("#room-title", "chat-room")
    page.page.focus("#toasts button")
    keyboard.press("Enter")
    page.wait_text("#room-title", "boats")


def test_drawers_of_a_narrow_screen_hold_the_focus_and_give_it_back(
    gateway: GatewayProcess, open_page: OpenPage
) -> None:
    page = open_page(gateway, viewport=NARROW)
    page.page.focus('[data-open-panel="rooms-panel"]')
    page.page.keyboard.press("Enter")
    assert focused(page) == "Close conversations"
    page.page.keyboard.press("Shift+Tab")
    assert page.page.evaluate("!document.activeElement.closest('#main')")
    page.page.keyboard.press("Escape")
    assert focused(page) == "Conversations"
    wait_until(lambda: page.page.is_hidden("#rooms-panel"))


def test_new_messages_are_read_out_politely(page: ChatPage) -> None:
    log = page.page.locator("[role=log]")
    assert log.get_attribute("aria-live") == "polite"
    assert log.get_attribute("tabindex") == "0"


def fill_with_messages(page: ChatPage, peer: NodeProcess) -> None:
    """Show one's own, another's, a link, a long one, and a dial that failed."""
    page.type("mine, with https://example.org/")
    peer.publish("theirs, with https://example.org/")
    peer.publish("long " * 400)
    page.wait_message("theirs, with https://example.org/")
    page.wait_message("mine, with https://example.org/", state="Sent")


def open_by_script(page: ChatPage, dialog: str) -> None:
    """Open a dialog as its button does; that of a person shows the one who is here."""
    if dialog == "person-dialog":
        page.page.evaluate("document.querySelector('#peers-here li:nth-child(2) .peer').click()")
    else:
        page.page.evaluate(f"document.querySelector('[data-open-dialog={dialog}]').click()")


def violations(page: ChatPage) -> list[str]:
    """Return what axe finds, with the elements at fault."""
    page.page.evaluate(AXE.read_text())
    found: list[str] = page.page.evaluate(RUN_AXE)
    return found


FOCUSED = """() => {
  const one = document.activeElement;
  const label = one.labels?.[0]?.textContent;
  const title = document.getElementById(one.getAttribute("aria-labelledby"));
  if (title) return `${title.textContent} ${one.role}`;
  if (one.id === "me") return "You";
  return one.ariaLabel ?? label ?? (one.querySelector(".room-name") ?? one).textContent.trim();
}"""


def focused(page: ChatPage) -> str:
    """Return the name of what has the focus."""
    return str(page.page.evaluate(FOCUSED))


def tab_order(page: ChatPage) -> list[str]:
    """Press Tab from the beginning of the page to its end, and name each stop."""
    page.page.focus(".skip")
    names: list[str] = []
    for _ in range(60):
        page.page.keyboard.press("Tab")
        if page.page.evaluate("document.activeElement === document.body"):
            break
        names.append(focused(page))
    page.page.focus("#composer-text")
    return names
