"""People on the page: names and pictures, writing to one, who has a message, leaving alone."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from playwright.sync_api import Browser, FilePayload

from tests.driver import wait_until
from tests.e2e.chat_page import ChatPage
from tests.e2e.scripted_gateway import ME, PEER, ScriptedGateway

FEATURES = [
    "block_peer",
    "direct_messages",
    "disconnect_peer",
    "get_profile",
    "list_conversations",
    "list_profiles",
    "set_petname",
    "set_profile",
    "set_read_marker",
]
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJg"
    "gg=="
)


def profile_of(peer_id: str, name: str, **changes: Any) -> dict[str, Any]:
    rest = {"about": "", "color": "", "avatar_hash": "", "petname": "", "lookalike_ids": []}
    return {"peer_id": peer_id, "name": name} | rest | changes


@pytest.fixture
def page(browser: Browser, scripted: ScriptedGateway) -> ChatPage:
    """Give a page of a node that knows names, direct messages and blocks."""
    scripted.features = FEATURES
    profiles = [profile_of(ME, "Max"), profile_of(PEER, "Ann", about="sails")]
    scripted.answers = {
        "list_profiles": {"profiles": profiles, "next_page_token": None},
        "list_conversations": {"conversations": [], "next_page_token": None},
        "list_blocked_peers": {"peers": [], "next_page_token": None},
        "set_read_marker": {"unread_count": 0, "mention_count": 0},
        "block_peer": {},
        "unblock_peer": {},
        "set_petname": {"profile": profile_of(PEER, "Ann", petname="Sister")},
        "set_profile": {"profile": profile_of(ME, "Maxi")},
    }
    context = browser.new_context(service_workers="block")
    scripted.accept(context)
    page = ChatPage(context, scripted.url)
    page.wait_ready()
    page.wait_text("#peers-here", "Ann")
    return page


def wait_asked(page: ChatPage, scripted: ScriptedGateway, kind: str, count: int) -> None:
    """Wait until the page has sent so many frames; asking the page lets them come."""
    wait_until(
        lambda: (page.page.title(), len(scripted.frames[kind])), lambda seen: seen[1] >= count
    )


def open_card(page: ChatPage) -> None:
    page.page.click("#peers-here li:nth-child(2) .peer")


def test_somebody_is_written_to_alone_and_a_draft_is_theirs(
    page: ChatPage, scripted: ScriptedGateway
) -> None:
    open_card(page)
    assert "sails" in page.page.inner_text("#person-card")
    page.page.click("#person-write")
    page.wait_text("#room-title", "Ann")
    page.type("only for you")
    page.wait_message("only for you", own=True)
    assert scripted.published == [(PEER, "only for you")]
    page.page.fill("#composer-text", "half written")
    scripted.send_message("and back", room="", peer_id=PEER)
    page.wait_message("and back", name="Ann")
    page.enter("chat-room")
    assert page.texts == []
    assert page.page.input_value("#composer-text") == ""
    wait_until(lambda: page.page.inner_text(".room:has-text('Ann')"), lambda seen: "Draft" in seen)
    page.page.go_back()
    page.wait_text("#room-title", "Ann")
    assert page.page.input_value("#composer-text") == "half written"
    page.page.reload()
    page.wait_text("#room-title", "Ann")
    page.close()


def test_who_has_a_message_is_said_and_named(page: ChatPage, scripted: ScriptedGateway) -> None:
    page.type("who has it?")
    message = page.wait_message("who has it?", state="Sent")
    assert message["held"] == "Sent"
    event_id = page.run("(app) => app.chat.active.messages[0].id")
    delivery = {"type": "message_delivery", "cursor": "d", "message_id": event_id}
    scripted.send_frame({**delivery, "room": "chat-room", "handed_to": [PEER], "held_by": []})
    scripted.send_frame({**delivery, "room": "chat-room", "handed_to": [], "held_by": [PEER]})
    page.wait_message("who has it?", held="Held by all")
    page.page.hover(".own .bubble")
    page.page.click(".message-tools [aria-label='More and details']")
    assert "Held by\nAnn" in page.page.inner_text("#message-facts")
    page.close()


def test_somebody_who_is_blocked_is_seen_no_more_until_that_is_undone(
    page: ChatPage, scripted: ScriptedGateway
) -> None:
    scripted.send_message("unwanted")
    page.wait_message("unwanted")
    open_card(page)
    page.page.click("#person-block")
    page.wait_text("#toasts", "Ann is blocked.")
    wait_until(lambda: page.texts, lambda seen: seen == [])
    assert scripted.frames["block_peer"][0]["peer_id"] == PEER
    page.page.click("#open-settings")
    page.wait_text("#blocked", "Ann")
    page.page.click("#blocked button")
    wait_asked(page, scripted, "unblock_peer", 1)
    page.wait_message("unwanted")
    page.close()


def test_people_are_called_otherwise_and_one_says_who_one_is(
    page: ChatPage, scripted: ScriptedGateway
) -> None:
    open_card(page)
    page.page.fill("#petname", "Sister")
    page.page.press("#petname", "Enter")
    page.wait_text("#petname-result", "Saved.")
    page.wait_text("#peers-here", "Sister")
    page.close_dialog()
    page.page.click("#me")
    assert page.page.input_value("#profile-name") == "Max"
    page.page.fill("#profile-name", "Maxi")
    picture = FilePayload(name="me.png", mimeType="image/png", buffer=base64.b64decode(PIXEL))
    page.page.set_input_files("#profile-picture", files=picture)
    page.page.click("#profile-form [type=submit]")
    page.wait_text("#profile-result", "Saved.")
    sent = scripted.frames["set_profile"][0]
    assert sent["name"] == "Maxi"
    assert 0 < len(base64.b64decode(sent["avatar"])) <= 16_384
    assert base64.b64decode(sent["avatar"])[:3] == b"\xff\xd8\xff"
    page.wait_text("#me", "Maxi")
    page.close()


def test_a_picture_is_shown_as_what_its_first_bytes_say_or_not_at_all(
    page: ChatPage, scripted: ScriptedGateway
) -> None:
    script = base64.b64encode(
        b"<svg xmlns='http://www.w3.org/2000/svg' onload='canary=1'/>"
    ).decode()
    for avatar, number in ((script, 0), (PIXEL, 2)):
        named = profile_of(PEER, "Ann", avatar_hash=avatar[:8])
        scripted.answers["get_profile"] = {"profile": {**named, "avatar": avatar}}
        event = {"type": "profile_changed", "cursor": "p", "profile": named}
        asked = len(scripted.frames["get_profile"])
        scripted.send_message(f"message {number}")
        scripted.send_frame(event | {"name_seen_before": False})
        wait_asked(page, scripted, "get_profile", asked + 1)
        pictures = page.page.locator("img.identicon")
        wait_until(pictures.count, lambda seen, number=number: (seen > 0) == (number > 0))  # type: ignore[misc]
    assert page.page.get_attribute("img.identicon", "src").startswith("blob:")  # type: ignore[union-attr]
    page.assert_nothing_ran()
    page.close()


def test_a_visit_begins_at_the_first_unread_message_and_reads_to_the_end(
    page: ChatPage, scripted: ScriptedGateway
) -> None:
    page.join("boats")
    for number in range(60):
        scripted.send_message(f"line {number}")
    wait_until(
        lambda: page.page.inner_text(".room:has-text('chat-room') .unread"),
        lambda seen: seen == "60",
    )
    page.enter("chat-room")
    page.wait_text(".unread-line", "60 new messages")
    top = "(one) => one.getBoundingClientRect().top"
    line = page.page.eval_on_selector(".unread-line", top)
    assert 0 < line - page.page.eval_on_selector("#log", top) < 200
    markers = scripted.frames["set_read_marker"]
    assert [one for one in markers if one.get("room") == "chat-room"] == []
    page.page.click("#new-messages")
    last = page.run("(app) => app.chat.active.messages.at(-1).cursor")
    wait_until(
        lambda: (page.page.title(), markers[-1]["cursor"] if markers else ""),
        lambda seen: seen[1] == last,
    )
    assert page.page.locator(".room .unread:visible").count() == 0
    page.close()
