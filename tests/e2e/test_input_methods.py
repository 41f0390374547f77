"""The Enter that ends a composition of an input method sends nothing, in any field."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.driver.fixtures import StartGateway
from tests.e2e.chat_page import ChatPage
from tests.e2e.conftest import OpenPage
from tests.e2e.scripted_gateway import ScriptedGateway

#: The ways browsers report that Enter: events of one tick, in their order.
WAYS = {
    "Safari": ["compositionend", {"key": "Enter", "keyCode": 229}],
    "Chromium": [{"key": "Enter", "keyCode": 229, "isComposing": True}, "compositionend"],
    "Firefox": [{"key": "Process", "keyCode": 229, "isComposing": True}, "compositionend"],
    "without the old key code": [{"key": "Enter", "isComposing": True}, "compositionend"],
    "without a composition's end": [{"key": "Enter", "keyCode": 229}],
    "with a key code of its own": ["compositionend", {"key": "Enter", "keyCode": 13}],
}
FIELDS = ["#composer-text", "#join-room", "#dial-address"]
#: Also tells whether the browser would go on to submit the form by itself.
END_COMPOSITION = """([selector, events]) => {
  const field = document.querySelector(selector);
  field.focus();
  field.dispatchEvent(new CompositionEvent("compositionstart", { bubbles: true }));
  let isLeftToTheBrowser = false;
  for (const one of events) {
    const event = one === "compositionend"
      ? new CompositionEvent(one, { bubbles: true })
      : new KeyboardEvent("keydown", { bubbles: true, cancelable: true, ...one });
    const isDefault = field.dispatchEvent(event);
    if (event.type === "keydown" && event.key === "Enter") isLeftToTheBrowser ||= isDefault;
  }
  return isLeftToTheBrowser;
}"""
#: What an input method has in hand, as the DevTools protocol tells Chromium.
COMPOSING = {"text": "日本", "selectionStart": 2, "selectionEnd": 2}
ENTER = {
    "key": "Enter",
    "code": "Enter",
    "windowsVirtualKeyCode": 229,
    "text": "\r",
    "unmodifiedText": "\r",
}


@pytest.fixture
def page(scripted_page: ChatPage) -> ChatPage:
    """Give a page whose gateway answers from a script."""
    return scripted_page


@pytest.mark.parametrize("way", WAYS)
def test_the_enter_that_ends_a_composition_sends_nothing(
    page: ChatPage, scripted: ScriptedGateway, way: str
) -> None:
    for field in FIELDS:
        show(page, field)
        page.page.fill(field, "half written")
        assert page.page.evaluate(END_COMPOSITION, [field, WAYS[way]]) is False
        assert page.page.input_value(field) == "half written"
    page.close_dialog()
    page.page.press("#composer-text", "Enter")
    page.wait_message("half written", state="Sent")
    assert page.texts == ["half written"]
    assert (scripted.published, scripted.requested) == ([("chat-room", "half written")], [])


@pytest.mark.parametrize("field", FIELDS[:2])
def test_a_real_composition_that_enter_ends_sends_nothing(
    page: ChatPage, scripted: ScriptedGateway, field: str
) -> None:
    show(page, field)
    page.page.focus(field)
    keyboard = page.context.new_cdp_session(page.page)
    keyboard.send("Input.imeSetComposition", COMPOSING)
    for kind in ("keyDown", "keyUp"):
        keyboard.send("Input.dispatchKeyEvent", {"type": kind, **ENTER})
    keyboard.send("Input.insertText", {"text": "日本"})
    wait_until(lambda: page.page.input_value(field), lambda seen: seen == "日本")
    page.page.press(field, "Enter")
    wait_until(lambda: page.page.input_value(field), lambda seen: seen == "")
    assert len(scripted.published) + len(scripted.requested) == 1


def test_the_token_is_not_entered_by_the_end_of_a_composition(
    node: NodeProcess, start_gateway: StartGateway, open_page: OpenPage, tmp_path: Path
) -> None:
    file = tmp_path / "gateway.token"
    file.write_text("open-sesame\n")
    guarded: GatewayProcess = start_gateway(node, token_file=file)
    guarded.wait_node_reachable()
    page = open_page(guarded, is_ready=False)
    page.page.wait_for_selector("#token")
    page.page.fill("#token", "open-sesame")
    for way in WAYS.values():
        assert page.page.evaluate(END_COMPOSITION, ["#token", way]) is False
    assert page.page.input_value("#token") == "open-sesame"
    page.page.press("#token", "Enter")
    page.wait_ready()


def test_escape_that_ends_a_composition_leaves_the_drawer_open(page: ChatPage) -> None:
    page.page.set_viewport_size({"width": 390, "height": 844})
    page.page.click('[data-open-panel="rooms-panel"]')
    escape = {"key": "Escape", "keyCode": 229, "isComposing": True}
    page.page.evaluate(END_COMPOSITION, ["#rooms-panel", [escape, "compositionend"]])
    assert page.page.evaluate("document.getElementById('frame').dataset.drawer") == "rooms-panel"
    page.page.keyboard.press("Escape")
    wait_until(lambda: page.page.is_hidden("#join-room"))


def show(page: ChatPage, field: str) -> None:
    """Open the dialog that has a field, where it is in one."""
    if field != "#composer-text" and not page.page.is_visible("#add-dialog"):
        page.page.click("#open-add")
