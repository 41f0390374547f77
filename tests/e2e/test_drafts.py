"""What is written and not sent yet belongs to its conversation, and outlives the page."""

from __future__ import annotations

import pytest

from tests.driver import wait_until
from tests.e2e.chat_page import ChatPage
from tests.e2e.test_outbox import FILL_STORAGE

DENY_ALL_STORAGE = """for (const kind of ["localStorage", "sessionStorage"]) {
  Object.defineProperty(window, kind, {
    get() { throw new DOMException("denied", "SecurityError"); },
  });
}"""
FILL_TAB_STORAGE = FILL_STORAGE.replace("localStorage", "sessionStorage")


@pytest.fixture
def page(scripted_page: ChatPage) -> ChatPage:
    """Give a page whose gateway answers from a script."""
    return scripted_page


def test_a_draft_stays_with_its_room_and_is_sent_nowhere_else(page: ChatPage) -> None:
    page.join("boats")
    page.page.fill("#composer-text", "about boats")
    page.enter("chat-room")
    page.page.press("#composer-text", "Enter")
    assert page.page.input_value("#composer-text") == ""
    page.page.fill("#composer-text", "about chat")
    page.enter("boats")
    assert page.page.input_value("#composer-text") == "about boats"
    page.page.press("#composer-text", "Enter")
    page.wait_message("about boats", state="Sent")
    page.enter("chat-room")
    assert page.page.input_value("#composer-text") == "about chat"
    page.page.press("#composer-text", "Enter")
    page.wait_message("about chat", state="Sent")
    assert page.texts == ["about chat"]
    page.wait_all_kept()


def test_a_draft_outlives_a_reload_a_left_room_and_a_closed_tab(page: ChatPage) -> None:
    page.join("boats")
    page.page.fill("#composer-text", "half\nwritten")
    page.page.reload()
    wait_draft(page, "half\nwritten")
    page.leave()
    page.wait_text("#room-title", "chat-room")
    wait_draft(page, "")
    page.join("boats")
    wait_draft(page, "half\nwritten")
    page.page.close()
    page.open()
    page.wait_ready()
    page.enter("boats")
    wait_draft(page, "half\nwritten")
    page.page.press("#composer-text", "Enter")
    page.wait_message("half\nwritten")
    page.wait_all_kept()
    page.page.reload()
    page.wait_ready()
    wait_draft(page, "")


def test_each_tab_keeps_its_draft_and_a_copy_goes_when_it_is_sent(page: ChatPage) -> None:
    other = ChatPage(page.context, page.url)
    other.wait_ready()
    page.page.fill("#composer-text", "of the first tab")
    copy = ChatPage(page.context, page.url)
    copy.wait_ready()
    wait_draft(copy, "of the first tab")
    other.type("of the second tab")
    other.wait_message("of the second tab")
    wait_draft(page, "of the first tab")
    page.page.press("#composer-text", "Enter")
    page.wait_message("of the first tab")
    wait_draft(copy, "")
    copy.page.press("#composer-text", "Enter")
    other.type("last")
    copy.wait_message("last")
    assert sorted(copy.texts) == ["last", "of the first tab", "of the second tab"]
    page.wait_all_kept()


def test_a_draft_that_no_storage_has_room_for_is_asked_about(page: ChatPage) -> None:
    page.page.evaluate(FILL_STORAGE)
    page.page.fill("#composer-text", "in this tab")
    page.page.reload()
    wait_draft(page, "in this tab")
    assert page.dialogs == []
    page.page.evaluate(FILL_TAB_STORAGE)
    page.page.fill("#composer-text", "only here " * 10)
    page.page.evaluate("() => void location.reload()")
    wait_until(lambda: page.dialogs, lambda dialogs: dialogs == [""])
    assert page.page.input_value("#composer-text") == "only here " * 10


def test_a_page_that_is_denied_storage_keeps_drafts_by_room(page: ChatPage) -> None:
    page.context.add_init_script(DENY_ALL_STORAGE)
    page.page.reload()
    page.wait_ready()
    page.page.fill("#composer-text", "here")
    page.join("boats")
    wait_draft(page, "")
    page.enter("chat-room")
    wait_draft(page, "here")
    page.page.press("#composer-text", "Enter")
    page.wait_message("here", state="Sent")
    assert page.complaints == []


def wait_draft(page: ChatPage, text: str) -> None:
    """Wait until the composer holds this text."""
    wait_until(lambda: page.page.input_value("#composer-text"), lambda seen: seen == text)
