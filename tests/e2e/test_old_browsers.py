"""A browser that lacks what newer ones have: the page works, or says that it is too old."""

from __future__ import annotations

import pytest

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.e2e.chat_page import ChatPage
from tests.e2e.conftest import OpenPage
from tests.e2e.scripted_gateway import ScriptedGateway

#: What browsers of 2021 lack, and what is missing on a page that came over plain HTTP.
LACKING = """
delete String.prototype.toWellFormed;
delete String.prototype.isWellFormed;
delete String.prototype.replaceAll;
delete String.prototype.at;
delete URL.canParse;
delete URL.parse;
delete Object.hasOwn;
delete Object.groupBy;
delete Promise.withResolvers;
delete Promise.any;
delete window.structuredClone;
delete window.ResizeObserver;
delete window.BroadcastChannel;
delete window.requestIdleCallback;
delete window.scheduler;
delete CSS.escape;
delete Intl.Segmenter;
delete Crypto.prototype.randomUUID;
delete Crypto.prototype.subtle;
delete Navigator.prototype.clipboard;
delete Navigator.prototype.locks;
delete AbortSignal.timeout;
delete AbortSignal.any;
delete HTMLElement.prototype.inert;
delete HTMLElement.prototype.showPopover;
delete HTMLDialogElement.prototype.showModal;
delete HTMLDialogElement.prototype.close;
delete window.HTMLDialogElement;
for (const name of ["at", "findLast", "findLastIndex", "toReversed", "toSorted", "toSpliced"])
  delete Array.prototype[name];
for (const name of Object.getOwnPropertyNames(Element.prototype))
  if (name.startsWith("aria") || name === "role") delete Element.prototype[name];
"""


@pytest.fixture
def page(scripted_page: ChatPage) -> ChatPage:
    """Give a page whose gateway answers from a script."""
    return scripted_page


def test_a_browser_of_2021_sends_and_shows_everything(
    node_pair: tuple[NodeProcess, NodeProcess],
    gateway_pair: tuple[GatewayProcess, GatewayProcess],
    open_page: OpenPage,
) -> None:
    page = open_page(gateway_pair[0], is_ready=False)
    page.context.add_init_script(LACKING)
    page.page.reload()
    page.wait_ready()
    node_pair[1].publish("look at https://example.org/a")
    page.wait_message("look at https://example.org/a")
    page.type("mine, with https://example.org/ and half \ud83d")
    page.wait_message("mine, with https://example.org/ and half \ufffd", state="Sent")
    page.join("boats")
    page.page.click("#peers-elsewhere .peer, #peers-here li:nth-child(2) .peer")
    page.page.click("#person-copy")
    page.wait_text("#person-result", "Copied.")
    assert page.complaints == []
    assert page.page.is_hidden("#unsupported")


@pytest.mark.parametrize("lacking", ["WebSocket", "fetch", "TextEncoder", "Map"])
def test_a_browser_that_is_too_old_is_told_so(page: ChatPage, lacking: str) -> None:
    page.context.add_init_script(f"delete window.{lacking};")
    page.page.reload()
    said = page.wait_text("#unsupported", "too old")
    assert lacking in said


def test_a_page_that_did_not_arrive_whole_says_so(page: ChatPage) -> None:
    page.page.route("**/model/chat.js", lambda route: route.abort())
    page.page.reload()
    page.wait_text("#unsupported", "This page could not start")
    page.page.unroute("**/model/chat.js")
    page.page.reload()
    page.wait_ready()
    assert page.page.is_hidden("#unsupported")


def test_syntax_that_a_browser_does_not_know_is_told_of(page: ChatPage) -> None:
    future = "export const chat = await? nothing;"
    page.page.route(
        "**/model/chat.js",
        lambda route: route.fulfill(content_type="text/javascript", body=future),
    )
    page.page.reload()
    page.wait_text("#unsupported", "the browser is too old for it")


def test_a_message_that_cannot_be_drawn_says_so_and_those_behind_it_are_drawn(
    page: ChatPage, scripted: ScriptedGateway
) -> None:
    page.page.evaluate("""() => {
      const append = Element.prototype.append;
      Element.prototype.append = function (...children) {
        if (children.includes("poison")) throw new Error("not this one");
        append.apply(this, children);
      };
    }""")
    for text in ("before", "poison", "behind"):
        scripted.send_message(text)
    page.wait_message("behind")
    page.type("and on")
    page.wait_message("and on", state="Sent")
    assert page.texts == ["before", "behind", "and on"]
    shown = page.page.locator("#messages > li")
    assert shown.nth(1).inner_text() == "This cannot be shown here."


def test_a_press_that_fails_does_not_stay_without_a_word(page: ChatPage) -> None:
    page.page.evaluate("() => delete Date.prototype.toISOString")
    page.type("kept")
    page.wait_text("#banners", "Something on this page failed")
    assert page.page.input_value("#composer-text") == "kept"
    page.page.click("#banners [data-kind=failure] button")
    wait_until(lambda: page.banners, lambda seen: seen == [])
    assert page.page.input_value("#composer-text") == "kept"
