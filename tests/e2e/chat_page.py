"""One open page: what people do with it, and all that it showed or tried.

Made by the ``open_page`` fixture.
"""

from __future__ import annotations

import contextlib
from typing import Any

from playwright.sync_api import BrowserContext, Error

from tests.driver import wait_until

READ_MESSAGES = """() => [...document.querySelectorAll("#messages > .message")].map((row) => ({
  author: row.querySelector(".author").title,
  name: row.querySelector(".author").textContent,
  text: row.querySelector(".text").textContent,
  time: row.querySelector("time").dateTime,
  late: row.querySelector(".late").innerText,
  state: row.querySelector(".state").dataset.word,
  held: row.querySelector(".state").textContent,
  own: row.classList.contains("own"),
}))"""
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) =>
  window.violations.push(`${event.violatedDirective} ${event.blockedURI} ${event.sample}`));
"""
#: What Chromium itself says when a server is away, and when a test blocks service workers.
EXPECTED_CONSOLE = (
    "WebSocket connection to",
    "net::ERR_CONNECTION_REFUSED",
    "Service Worker registration blocked by Playwright",
)


class ChatPage:
    """A page in a browser context of its own."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context = context
        self.url = url
        self.dialogs: list[str] = []
        self.requests: list[str] = []
        self.complaints: list[str] = []
        context.add_init_script(WATCH)
        self.open()

    def open(self) -> None:
        """Open it in a tab of its own; of the tabs before it the context keeps the storage."""
        self.page = self.context.new_page()
        self.page.on("dialog", self._dismiss)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda said: self._hear(said.type, said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        self.page.goto(self.url)

    def crash(self) -> None:
        """Have its renderer killed: nothing of the page runs any more, not even its goodbye."""
        with self.page.expect_event("crash"), contextlib.suppress(Error):
            self.page.goto("chrome://crash")
        self.page.close()

    def close(self) -> None:
        """Close it and its context."""
        self.context.close()

    def run(self, script: str, argument: object = None) -> Any:
        """Run a function in the page; ``app`` is the page's own module."""
        wrapped = f"async (argument) => ({script})(await import('/app.js'), argument)"
        return self.page.evaluate(wrapped, argument)

    def wait_ready(self) -> None:
        """Wait until the page talks to its node."""
        wait_until(
            lambda: (self.subtitle, self.banners),
            lambda seen: seen[0] not in {"Connecting…", "Away"},
        )

    @property
    def subtitle(self) -> str:
        """What stands below the room's name."""
        return self.page.inner_text("#room-subtitle")

    @property
    def banners(self) -> list[str]:
        """The kinds of the banners that show."""
        kinds: list[str] = self.page.eval_on_selector_all(
            "#banners .banner", "all => all.map((one) => one.dataset.kind)"
        )
        return kinds

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The messages in the document, in order."""
        messages: list[dict[str, Any]] = self.page.evaluate(READ_MESSAGES)
        return messages

    @property
    def conversation(self) -> list[tuple[str, str]]:
        """Authors and texts of the messages in the document, in order."""
        return [(message["author"], message["text"]) for message in self.messages]

    @property
    def texts(self) -> list[str]:
        """The texts of the messages in the document."""
        return [message["text"] for message in self.messages]

    def type(self, text: str) -> None:
        """Write a message and press Enter."""
        self.page.fill("#composer-text", text)
        self.page.press("#composer-text", "Enter")

    def join(self, room: str) -> None:
        """Join a room by the dialog, and wait until it is shown."""
        self.page.click("#open-add")
        self.page.fill("#join-room", room)
        self.page.press("#join-room", "Enter")
        self.wait_text("#room-title", room)

    def leave(self) -> None:
        """Leave the room that is shown by its menu."""
        self.page.click("#room-menu-button")
        self.page.click("#leave-room")

    def enter(self, room: str) -> None:
        """Choose a room of the list; return at once."""
        self.page.click(f".room:has(.room-name:text-is('{room}'))")

    def dial(self, text: str) -> None:
        """Paste an invite or an address into the dialog; it stays open with the outcome."""
        if not self.page.is_visible("#add-dialog"):
            self.page.click("#open-add")
        self.page.fill("#dial-address", text)
        self.page.press("#dial-address", "Enter")

    def close_dialog(self) -> None:
        """Close the dialog that is open."""
        self.page.keyboard.press("Escape")

    def wait_message(self, text: str, **expected: object) -> dict[str, Any]:
        """Wait for a message with this text, and these other properties."""

        def found(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
            wanted = {"text": text, **expected}
            return [one for one in messages if wanted.items() <= one.items()]

        return found(wait_until(lambda: self.messages, found))[0]

    def wait_all_kept(self) -> None:
        """Wait until nothing that was written here waits for its answer."""
        kept = "Object.keys(localStorage).filter((key) => /^wsp\\.(outbox|draft)\\./.test(key))"
        wait_until(lambda: self.page.evaluate(kept), lambda keys: keys == [])

    def show_beginning(self) -> None:
        """Scroll up until there is nothing older."""

        def scroll_up() -> str:
            self.page.evaluate("document.getElementById('log').scrollTop = 0")
            return self.page.inner_text("#log-start")

        wait_until(scroll_up, lambda note: "beginning of" in note)

    def show_whole(self) -> list[tuple[str, str]]:
        """Scroll up to the beginning and down to the end; return the conversation then.

        Whoever scrolls up stays with what was there: what arrives is shown at the end.
        """
        self.show_beginning()
        self.page.evaluate("document.getElementById('log').scrollTop = 1e9")
        return self.conversation

    def wait_text(self, selector: str, text: str) -> str:
        """Wait until an element's text contains ``text``; return all of it."""
        return wait_until(lambda: self.page.inner_text(selector), lambda seen: text in seen)

    def assert_nothing_ran(self) -> None:
        """Check that no dialog came, nothing was fetched elsewhere, no policy was broken."""
        assert self.dialogs == []
        home = (self.url, self.url.replace("http", "ws", 1), f"blob:{self.url}", "data:image/")
        assert [url for url in self.requests if not url.startswith(home)] == []
        assert self.page.evaluate("window.violations") == []
        assert self.page.evaluate("typeof window.canary") == "undefined"
        assert self.complaints == []

    def _dismiss(self, dialog: Any) -> None:
        self.dialogs.append(dialog.message)
        dialog.dismiss()

    def _hear(self, kind: str, text: str) -> None:
        if kind in {"error", "warning"} and not any(one in text for one in EXPECTED_CONSOLE):
            self.complaints.append(f"{kind}: {text}")
