"""What a message is made of, and what is done with it: replies, copies, details, code, emoji."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser

from tests.driver import wait_until
from tests.e2e.chat_page import ChatPage
from tests.e2e.hostile_texts import HOSTILE_TEXTS
from tests.e2e.scripted_gateway import PEER, ScriptedGateway

SHORT = PEER[-8:]
CODE = "def f(x):\n\treturn  x  # " + "wide " * 60


def test_a_message_that_is_pointed_at_is_answered_by_quoting_it(
    scripted_page: ChatPage, scripted: ScriptedGateway
) -> None:
    page = scripted_page
    scripted.send_message("shall we meet?")
    page.wait_message("shall we meet?")
    page.page.hover(".bubble")
    page.page.click(".message-tools [aria-label=Reply]")
    assert page.page.input_value("#composer-text") == f"> **{SHORT}**\n> shall we meet?\n\n"
    assert page.page.evaluate("document.activeElement.id") == "composer-text"
    page.page.keyboard.type("yes, at noon")
    page.page.keyboard.press("Enter")
    quote = page.page.locator(".own blockquote")
    assert quote.inner_text() == f"{SHORT}\nshall we meet?"
    assert page.page.locator(".own .markdown > p").inner_text() == "yes, at noon"
    assert scripted.published[0][1].startswith(f"> **{SHORT}**\n")
    page.assert_nothing_ran()


def test_messages_are_gone_through_answered_and_read_of_with_the_keyboard(
    scripted_page: ChatPage, scripted: ScriptedGateway
) -> None:
    page, keyboard = scripted_page, scripted_page.page.keyboard
    for text in ("first", "second"):
        scripted.send_message(text)
    page.wait_message("second")
    page.page.focus("#log")
    keyboard.press("ArrowUp")
    keyboard.press("ArrowUp")
    assert "first" in str(page.page.evaluate("document.activeElement.textContent"))
    keyboard.press("Enter")
    facts = page.page.inner_text("#message-facts")
    for words in (PEER, "Directly from its author", "id-c", "2026"):
        assert words in facts
    keyboard.press("Escape")
    wait_until(lambda: page.page.is_hidden("#message-dialog"))
    keyboard.press("Tab")
    assert page.page.evaluate("document.activeElement.ariaLabel") == "Reply"
    keyboard.press("r")
    assert page.page.input_value("#composer-text") == f"> **{SHORT}**\n> first\n\n"


def test_a_long_press_opens_what_can_be_done_with_a_message(
    browser: Browser, scripted: ScriptedGateway
) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740},
        has_touch=True,
        permissions=["clipboard-read", "clipboard-write"],
    )
    scripted.accept(context)
    page = ChatPage(context, scripted.url)
    page.wait_ready()
    scripted.send_message("copy me")
    page.wait_message("copy me")
    press = "(one) => one.dispatchEvent(new PointerEvent('pointerdown', OPTIONS))"
    options = "{ bubbles: true, pointerType: 'touch' }"
    page.page.eval_on_selector(".bubble", press.replace("OPTIONS", options))
    wait_until(lambda: page.page.is_visible("#message-dialog"))
    page.page.click("#message-dialog [data-do=copy]")
    page.wait_text("#toasts", "Copied.")
    assert page.page.evaluate("navigator.clipboard.readText()") == "copy me"
    page.close()


def test_code_scrolls_in_its_place_and_is_copied_as_it_is(
    scripted_page: ChatPage, scripted: ScriptedGateway
) -> None:
    page = scripted_page
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.page.set_viewport_size({"width": 360, "height": 740})
    scripted.send_message(f"look:\n```py\n{CODE}\n```\n**done**")
    block = page.page.locator(".code-block pre")
    block.wait_for()
    assert block.evaluate("(one) => one.scrollWidth > one.clientWidth")
    assert page.page.evaluate("document.getElementById('log').scrollWidth") <= 360
    page.page.click(".code-block button")
    page.wait_text(".code-block button", "Copied")
    assert page.page.evaluate("navigator.clipboard.readText()") == CODE
    assert page.page.locator(".markdown strong").inner_text() == "done"


def test_a_link_with_a_name_shows_where_it_leads(
    scripted_page: ChatPage, scripted: ScriptedGateway
) -> None:
    scripted.send_message("[https://bank.example](https://evil.example/login) and [x](mailto:a@b)")
    text = scripted_page.page.locator(".text")
    text.wait_for()
    assert text.inner_text() == "https://bank.example (evil.example) and x (mailto:a@b)"
    links = scripted_page.page.locator(".text a")
    assert links.count() == 1
    assert links.first.get_attribute("href") == "https://evil.example/login"
    assert links.first.get_attribute("rel") == "noopener noreferrer nofollow"


def test_a_mention_is_completed_while_it_is_written(
    scripted_page: ChatPage, scripted: ScriptedGateway
) -> None:
    page = scripted_page
    profile = {"peer_id": PEER, "name": "Ann Lee", "petname": "", "lookalike_ids": []}
    scripted.send_frame(
        {"type": "profile_changed", "cursor": "p", "profile": profile, "name_seen_before": False}
    )
    page.wait_text("#peers-here", "Ann Lee")
    page.page.focus("#composer-text")
    page.page.keyboard.type("hi @le")
    wait_until(lambda: page.page.is_visible("#mention-list"))
    page.page.keyboard.press("Enter")
    assert page.page.input_value("#composer-text") == "hi @Ann Lee "
    assert scripted.published == []
    page.page.keyboard.press("Enter")
    page.wait_message("hi @Ann Lee ")
    scripted.send_message(f"@{page.run('(app) => app.chat.node.peer_id')[-8:]} hello")
    wait_until(lambda: page.page.locator(".mention").count(), lambda number: number == 1)


def test_an_emoji_is_found_picked_and_large_when_alone(scripted_page: ChatPage) -> None:
    page = scripted_page
    page.page.click("#emoji-button")
    page.page.keyboard.type("red heart")
    wait_until(lambda: page.page.locator(".emoji-one").count(), lambda number: 0 < number < 9)
    page.page.keyboard.press("ArrowDown")
    page.page.keyboard.press("Enter")
    assert page.page.input_value("#composer-text") == "❤️"
    page.page.keyboard.press("Enter")
    page.wait_message("❤️", state="Sent")
    size = "(one) => parseFloat(getComputedStyle(one).fontSize)"
    assert page.page.eval_on_selector(".text.emoji", size) > 30
    page.assert_nothing_ran()


@pytest.mark.parametrize("width", [360, 1440])
def test_hostile_texts_as_markdown_names_and_quotes_stay_text(
    scripted_page: ChatPage, scripted: ScriptedGateway, width: int
) -> None:
    page = scripted_page
    page.page.set_viewport_size({"width": width, "height": 800})
    name = "<img src=x onerror=window.canary=1>"
    profile = {"peer_id": PEER, "name": name, "petname": "", "lookalike_ids": []}
    scripted.send_frame(
        {"type": "profile_changed", "cursor": "p", "profile": profile, "name_seen_before": True}
    )
    page.wait_text("#banners", name)
    texts = [text[:500] for text in HOSTILE_TEXTS]
    for text in texts:
        scripted.send_message(f"> {text}\n\n**{text}** `{text}` [{text}](https://example.org)")
    wait_until(lambda: len(page.texts), lambda number: number == len(texts))
    page.page.hover(".message:last-child .bubble")
    page.page.click(".message-tools [aria-label=Reply]")
    page.page.keyboard.type("answer")
    page.page.keyboard.press("Enter")
    wait_until(lambda: len(page.texts), lambda number: number == len(texts) + 1)
    allowed = {"div", "p", "blockquote", "strong", "em", "s", "code", "pre", "a", "ul", "ol"}
    found = page.page.eval_on_selector_all(".text, .text *", "all => all.map((o) => o.localName)")
    assert set(found) <= allowed | {"li", "span", "mark", "button"}
    overflow = "(one) => one.scrollWidth - one.clientWidth"
    assert page.page.eval_on_selector("#log", overflow) == 0
    page.assert_nothing_ran()
