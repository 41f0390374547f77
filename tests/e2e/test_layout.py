"""What was seen wrong on the page once is right on small, middle and large screens."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.driver import wait_until
from tests.e2e.chat_page import ChatPage
from tests.e2e.hostile_texts import HOSTILE_TEXTS
from tests.e2e.scripted_gateway import PEER, ScriptedGateway

SIZES = {"phone": (360, 740), "tablet": (768, 1024), "desktop": (1440, 900)}
LONG_NAME = "a room whose name goes on and on  " * 7
ARABIC_NAME = "غرفة عربية للحديث"
CROWD = [f"{PEER[:-2]}{one}{other}" for one in "ABCDEF" for other in "abcd"]
#: Elements that are wider than their place, or stand outside of the screen.
STICKING_OUT = """() => {
  const width = document.documentElement.clientWidth;
  const isVisible = (one) => getComputedStyle(one).visibility === "visible";
  const shown = (one) => one.getClientRects().length > 0 && isVisible(one);
  return [...document.querySelectorAll("body *")].filter(shown).flatMap((one) => {
    const { left, right } = one.getBoundingClientRect();
    const isHidden = right - left <= 1 || one.closest(".visually-hidden, .sprite, .skip");
    const isOut = left < -1 || right > width + 1;
    return !isHidden && isOut ? [`${one.localName}.${one.className}`] : [];
  });
}"""
BOX = (
    "(one) => { const b = one.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom]; }"
)
SMALL_TARGETS = """() => [...document.querySelectorAll("button, input, textarea, a[href], summary")]
  .filter((one) => one.checkVisibility({ visibilityProperty: true }))
  .filter((one) => !one.closest(".skip, .text"))
  .map((one) => [one.id || one.className, one.getBoundingClientRect()])
  .filter(([, box]) => box.width > 1 && (box.width < 43.5 || box.height < 43.5))
  .map(([name, box]) => `${name} ${box.width}x${box.height}`)"""


@pytest.fixture(params=SIZES)
def sized(
    request: pytest.FixtureRequest, browser: Browser, scripted: ScriptedGateway
) -> Iterator[ChatPage]:
    """Give a page of each size, in front of a script that has many rooms and people."""
    width, height = SIZES[request.param]
    scripted.rooms = ["chat-room", LONG_NAME.strip(), ARABIC_NAME, "boats"]
    scripted.peers = CROWD
    context = browser.new_context(
        viewport={"width": width, "height": height}, reduced_motion="reduce"
    )
    scripted.accept(context)
    page = ChatPage(context, scripted.url)
    page.wait_ready()
    yield page
    page.close()


def test_long_and_arabic_names_and_a_crowd_stay_in_their_places(sized: ChatPage) -> None:
    page = sized
    assert page.page.evaluate(STICKING_OUT) == []
    open_panel(page, "rooms-panel")
    signs = page.page.eval_on_selector_all(".room-sign", f"all => all.map({BOX})")
    names = page.page.eval_on_selector_all(".room-name", f"all => all.map({BOX})")
    texts = page.page.eval_on_selector_all(".room-name", TEXT_LEFT)
    for sign, name, text in zip(signs, names, texts, strict=True):
        assert 0 <= name[0] - sign[2] < 20
        assert abs(text - name[0]) < 2
    assert page.page.evaluate(STICKING_OUT) == []
    assert page.page.is_visible("#open-add")
    close_panel(page)
    open_panel(page, "peers-panel")
    assert page.page.locator("#peers-here li").count() == len(CROWD) + 1
    add = page.page.locator("#peers-panel [data-open-dialog]")
    box = add.bounding_box()
    assert box is not None
    assert box["y"] < 100
    add.click()
    field = page.page.locator("#dial-address").bounding_box()
    dialog = page.page.locator("#add-dialog").bounding_box()
    assert field is not None
    assert dialog is not None
    assert field["width"] > dialog["width"] - 60
    assert page.page.evaluate(STICKING_OUT) == []


def test_two_spaces_stay_two_in_texts_and_names(sized: ChatPage, scripted: ScriptedGateway) -> None:
    scripted.rooms = ["two  spaces"]
    sized.page.goto(f"{sized.url}/#room=two%20%20spaces")
    sized.page.reload()
    sized.wait_ready()
    scripted.send_message("also  here", room="two  spaces")
    sized.wait_message("also  here")
    preserving = {"pre", "pre-wrap"}
    for selector in (".text", ".room-name", "#room-title"):
        style = "(one) => getComputedStyle(one).whiteSpace"
        assert sized.page.eval_on_selector(selector, style) in preserving


def test_the_focus_is_in_the_composer_and_back_leads_to_the_room_before(sized: ChatPage) -> None:
    page = sized
    for room in ("boats", ARABIC_NAME):
        wait_until(lambda: page.page.evaluate(FOCUSED), lambda seen: seen == "composer-text")
        open_panel(page, "rooms-panel")
        page.enter(room)
        page.wait_text("#room-title", room)
    wait_until(lambda: page.page.evaluate(FOCUSED), lambda seen: seen == "composer-text")
    page.page.go_back()
    page.wait_text("#room-title", "boats")
    page.page.go_back()
    page.wait_text("#room-title", "chat-room")
    page.page.go_forward()
    page.wait_text("#room-title", "boats")


def test_what_leads_to_the_newest_is_round_has_a_count_and_covers_no_text(
    sized: ChatPage, scripted: ScriptedGateway
) -> None:
    page = sized
    for number in range(60):
        scripted.send_message(f"line {number} " * 12)
    page.wait_message("line 59 " * 12)
    page.page.evaluate("document.getElementById('log').scrollTop = 200")
    wait_until(lambda: page.page.is_visible("#new-messages"))
    for _ in range(2):
        scripted.send_message("new")
    page.wait_text("#new-messages-count", "2")
    left, top, right, bottom = page.page.eval_on_selector("#new-messages", BOX)
    assert right - left == bottom - top >= 44
    log = page.page.eval_on_selector("#log", BOX)
    assert top >= log[3] or left >= log[2]
    assert page.page.evaluate(STICKING_OUT) == []
    page.page.click("#new-messages")
    wait_until(lambda: page.page.is_hidden("#new-messages"))


def test_a_room_that_is_not_joined_says_so_and_is_joined_by_sending(
    sized: ChatPage, scripted: ScriptedGateway
) -> None:
    page = sized
    page.page.goto(f"{page.url}/#room=elsewhere")
    page.wait_text("#join-bar", "You are not in this room")
    page.wait_text("#log-start", "You are not in this room")
    page.type("and here I am")
    page.wait_message("and here I am", state="Sent")
    assert scripted.requested == ["join"]
    assert scripted.published == [("elsewhere", "and here I am")]
    assert page.page.is_hidden("#join-bar")
    assert page.page.input_value("#composer-text") == ""


def test_an_empty_room_leads_to_inviting_somebody(sized: ChatPage) -> None:
    sized.wait_text("#log-start", "Nothing was said here yet.")
    sized.page.click("#log-invite")
    assert sized.page.is_visible("#invite-dialog")


def test_while_the_node_is_away_people_stay_and_rooms_say_why_they_are_blank(
    sized: ChatPage, scripted: ScriptedGateway
) -> None:
    page = sized
    scripted.send_message("known")
    page.wait_message("known")
    scripted.send_frame({"type": "node_state", "state": "away"})
    page.wait_text("#banners", "The node is away")
    assert page.texts == ["known"]
    open_panel(page, "peers-panel")
    page.wait_text("#peers-old", "This is how it was at")
    assert page.page.locator("#peers-here li").count() == len(CROWD) + 1
    close_panel(page)
    open_panel(page, "rooms-panel")
    page.enter("boats")
    page.wait_text("#log-start", "The node is away. What was said here is shown when it is back.")


def test_time_and_state_are_said_once_a_group_and_where_they_are_news(
    sized: ChatPage, scripted: ScriptedGateway
) -> None:
    page = sized
    for number in range(3):
        scripted.send_message(f"theirs {number}")
    for number in range(3):
        page.type(f"mine {number}")
        page.wait_message(f"mine {number}", state="Sent")
    shown = "all => all.filter((one) => one.getBoundingClientRect().width > 2).length"
    assert page.page.eval_on_selector_all(".message-head:has(time)", shown) == 2
    assert page.page.eval_on_selector_all(".message .state", shown) == 1


def test_targets_are_large_enough_for_fingers(browser: Browser, scripted: ScriptedGateway) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, has_touch=True, is_mobile=True
    )
    scripted.accept(context)
    page = ChatPage(context, scripted.url)
    page.wait_ready()
    assert page.page.evaluate(FOCUSED) != "composer-text"
    assert page.page.evaluate(SMALL_TARGETS) == []
    for panel in ("rooms-panel", "peers-panel"):
        open_panel(page, panel)
        assert page.page.evaluate(SMALL_TARGETS) == []
        close_panel(page)
    page.page.click("#room-menu-button")
    assert page.page.evaluate(SMALL_TARGETS) == []
    page.page.keyboard.press("Escape")
    context.close()


def test_hostile_texts_as_names_of_rooms_and_as_drafts_stay_text(
    scripted: ScriptedGateway, scripted_page: ChatPage
) -> None:
    page = scripted_page
    names = [text[:80] for text in HOSTILE_TEXTS[:48]]
    node = {"peer_id": PEER, "addresses": [], "agent": "", "rooms": names}
    scripted.send_frame({"type": "node_changed", "cursor": "n", "time": "", "node": node})
    wait_until(lambda: page.page.locator(".room").count(), lambda seen: seen >= len(names))
    shown = page.page.eval_on_selector_all(".room-name", "all => all.map((one) => one.textContent)")
    assert set(names) <= set(shown)
    for text in HOSTILE_TEXTS[:6]:
        page.page.fill("#composer-text", text)
        page.page.locator(".room").first.click()
    page.page.locator(".room").last.click()
    assert page.page.evaluate(STICKING_OUT) == []
    page.assert_nothing_ran()


FOCUSED = "document.activeElement.id"
#: Where the text itself begins, which right-to-left letters may have elsewhere than their box.
TEXT_LEFT = """(all) => all.map((one) => {
  const range = document.createRange();
  range.selectNodeContents(one);
  return Math.max(range.getBoundingClientRect().left, one.getBoundingClientRect().left);
})"""


def open_panel(page: ChatPage, panel: str) -> None:
    """Open a panel where it is a drawer."""
    button = page.page.locator(f"[data-open-panel={panel}]")
    if button.is_visible():
        button.click()
        wait_until(lambda: page.page.is_visible(f"#{panel}"))


def close_panel(page: ChatPage) -> None:
    """Close the drawer, where one is open."""
    if page.page.evaluate("document.getElementById('frame').dataset.drawer !== undefined"):
        page.page.keyboard.press("Escape")
