"""The main views of the page, written as pictures to ``build/pictures`` for looking at.

``make pictures`` runs this and takes the picture of the README from it.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.e2e.chat_page import ChatPage
from tests.e2e.scripted_gateway import PEER, ScriptedGateway
from tests.e2e.test_people import profile_of

FOLDER = Path(__file__).parents[2] / "build" / "pictures"
SIZES = {"phone": (360, 740), "desktop": (1440, 900)}
SAID = (
    "Has anybody looked at the **tide table** for Saturday?",
    "High water is at 9:40. We could leave at nine:\n\n- sails and lines\n- bread, coffee\n- a map",
    "```\nwind  SW 3-4\nwater 12 C\n```",
)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_the_main_views_are_written_as_pictures(
    browser: Browser, scripted: ScriptedGateway, size: str, theme: str
) -> None:
    width, height = SIZES[size]
    scripted.rooms = ["harbour", "chat-room", "غرفة الأصدقاء"]
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
        reduced_motion="reduce",
        service_workers="block",
    )
    scripted.accept(context)
    page = ChatPage(context, scripted.url)
    page.wait_ready()
    changed = {"type": "profile_changed", "cursor": "p", "name_seen_before": False}
    scripted.send_frame({**changed, "profile": profile_of(PEER, "Ann")})
    for text in SAID:
        scripted.send_message(text)
    page.type("I bring coffee. See you at the pier!")
    page.wait_message("I bring coffee. See you at the pier!", state="Sent")
    FOLDER.mkdir(parents=True, exist_ok=True)
    page.page.screenshot(path=FOLDER / f"conversation-{size}-{theme}.png")
    for view in ("add", "me", "settings"):
        page.page.evaluate(f"document.querySelector('[data-open-dialog={view}-dialog]').click()")
        page.page.screenshot(path=FOLDER / f"{view}-{size}-{theme}.png")
        page.close_dialog()
    written = [*FOLDER.glob(f"*-{size}-{theme}.png")]
    assert len(written) == 4
    assert all(one.stat().st_size > 10_000 for one in written)
    page.close()
