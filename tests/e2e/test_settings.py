"""What a person sets for a browser, the keys of the page, and what the page does unwatched."""

from __future__ import annotations

from playwright.sync_api import Browser

from tests.driver import wait_until
from tests.e2e.chat_page import ChatPage
from tests.e2e.scripted_gateway import ME, ScriptedGateway

#: Stands for the browser's own, which a headless one does not show; the page cannot tell.
WATCH_NOTIFICATIONS = """
window.notified = [];
window.Notification = class {
  static permission = "granted";
  static requestPermission() { return Promise.resolve("granted"); }
  constructor(title, options) {
    window.notified.push([title, options.body]);
    window.latest = this;
  }
  close() {}
};
const isHidden = () => window.isAway === true;
Object.defineProperty(document, "visibilityState", {
  get: () => isHidden() ? "hidden" : "visible",
});
"""
LOOK_AWAY = """() => {
  window.isAway = true;
  document.dispatchEvent(new Event("visibilitychange"));
}"""
GROUND = "getComputedStyle(document.body).backgroundColor"


def test_theme_size_and_clock_are_set_at_once_and_kept(
    scripted_page: ChatPage, scripted: ScriptedGateway
) -> None:
    page = scripted_page
    scripted.send_message("hello")
    page.wait_message("hello")
    light = page.page.evaluate(GROUND)
    page.page.click("#open-settings")
    page.page.select_option("#set-theme", "dark")
    dark = page.page.evaluate(GROUND)
    assert dark != light
    page.page.select_option("#set-text-size", "large")
    page.page.select_option("#set-clock", "24")
    wait_until(lambda: page.page.inner_text(".message time"), lambda seen: "M" not in seen)
    page.page.select_option("#set-clock", "12")
    wait_until(lambda: page.page.inner_text(".message time"), lambda seen: "M" in seen)
    page.page.reload()
    page.wait_ready()
    assert page.page.evaluate(GROUND) == dark
    assert (
        page.page.evaluate("parseFloat(getComputedStyle(document.documentElement).fontSize)") > 18
    )


def test_somebody_who_is_not_looking_is_notified_as_was_set(
    browser: Browser, scripted: ScriptedGateway
) -> None:
    context = browser.new_context(service_workers="block")
    context.add_init_script(WATCH_NOTIFICATIONS)
    scripted.accept(context)
    page = ChatPage(context, scripted.url)
    page.wait_ready()
    page.page.click("#open-settings")
    page.page.select_option("#set-notify", "mentions")
    page.close_dialog()
    scripted.send_message("while I look")
    page.wait_message("while I look")
    page.page.evaluate(LOOK_AWAY)
    scripted.send_message("not for me")
    scripted.send_message(f"@{ME[-8:]} come here")
    notified = wait_until(lambda: page.page.evaluate("window.notified"), bool)
    assert [body for _, body in notified] == [f"@{ME[-8:]} come here"]
    assert notified[0][0].endswith(" in chat-room")
    wait_until(page.page.title, lambda title: title.startswith("("))
    icon = page.page.get_attribute("link[rel=icon]", "href")
    assert icon is not None
    assert icon.startswith("data:image/svg+xml,")
    page.assert_nothing_ran()
    page.close()


def test_conversations_are_reached_by_keys(
    scripted_page: ChatPage, scripted: ScriptedGateway
) -> None:
    page, keyboard = scripted_page, scripted_page.page.keyboard
    page.join("boats")
    page.join("garden")
    keyboard.press("Control+k")
    keyboard.type("boa")
    keyboard.press("Enter")
    page.wait_text("#room-title", "boats")
    wait_until(
        lambda: page.page.evaluate("document.activeElement.id"),
        lambda seen: seen == "composer-text",
    )
    before = page.page.inner_text("#room-title")
    keyboard.press("Alt+ArrowDown")
    wait_until(lambda: page.page.inner_text("#room-title"), lambda seen: seen != before)
    keyboard.press("Control+/")
    wait_until(lambda: page.page.is_visible("#keys-dialog"))
    keyboard.press("Escape")
    page.type("mine")
    page.wait_message("mine")
    keyboard.press("ArrowUp")
    assert "mine" in str(page.page.evaluate("document.activeElement.textContent"))
    keyboard.press("?")
    wait_until(lambda: page.page.is_visible("#keys-dialog"))
    assert scripted.published == [(page.page.inner_text("#room-title"), "mine")]


def test_the_page_opens_from_its_shell_where_nobody_serves_its_files(
    browser: Browser, scripted: ScriptedGateway
) -> None:
    context = browser.new_context()
    scripted.accept(context)
    page = ChatPage(context, scripted.url)
    page.wait_ready()
    page.page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.page.reload()
    page.wait_ready()
    names = "caches.open('wsp-shell-1').then((shell) => shell.keys())"
    kept = f"{names}.then((all) => all.map((one) => new URL(one.url).pathname))"
    paths = wait_until(lambda: page.page.evaluate(kept), lambda seen: "/app.js" in seen)
    assert [path for path in paths if path.startswith(("/api", "/ws"))] == []
    assert page.page.evaluate("window.violations") == []
    scripted.close()
    page.page.reload()
    page.wait_text("#room-title", "chat-room")
    page.type("written meanwhile")
    page.wait_message("written meanwhile", own=True)
    page.close()
