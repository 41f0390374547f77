"""The page in Chromium: how soon it is painted, how soon one can write, what that transfers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from playwright.sync_api import Browser, BrowserContext

from bench.libp2p_layer import WARM_UP_MESSAGES
from bench.measure import Figures
from bench.pages import text_of
from bench.services import running_services
from bench.sizes import Sizes
from tests.driver import wait_until
from tests.e2e.chromium import running_chromium

KIB = 1024
MS_IN_S = 1e3
LOOK = """
const look = () => {
  const subtitle = document.getElementById("room-subtitle")?.textContent ?? "Connecting…";
  const canWrite = document.activeElement?.id === "composer-text";
  const isShown = document.querySelector("#messages > .message") !== null;
  if (canWrite && isShown && !["Connecting…", "Away"].includes(subtitle)) {
    window.readyTime = performance.now();
  } else {
    requestAnimationFrame(look);
  }
};
requestAnimationFrame(look);
"""
"""Notes in each frame whether messages are shown and the composer has the focus."""
TIMES = """() => [
  performance.getEntriesByName("first-contentful-paint")[0]?.startTime, window.readyTime]"""


@dataclass(frozen=True, slots=True)
class Visit:
    """One time that the page was opened."""

    paint_s: float
    ready_s: float
    kib: float


def run(sizes: Sizes) -> Figures:
    """Open the page of a room with messages, each time in a new profile and once more."""
    with running_services() as running, running_chromium() as browser:
        node = running.start_node()
        for number in range(WARM_UP_MESSAGES):
            node.publish(text_of(number))
        url = running.start_gateway(node).url
        pairs = [_visits(browser, url) for _ in range(sizes.visits)]
        return {
            **_medians("", [first for first, _ in pairs]),
            **_medians("again_", [again for _, again in pairs]),
        }


def _medians(prefix: str, visits: Sequence[Visit]) -> dict[str, float]:
    return {
        f"{prefix}{name}": median(getattr(visit, name) for visit in visits)
        for name in ("paint_s", "ready_s", "kib")
    }


def _visits(browser: Browser, url: str) -> tuple[Visit, Visit]:
    """Open the page with an empty cache, then again."""
    context = browser.new_context(service_workers="block")
    context.add_init_script(LOOK)
    try:
        return _visit(context, url), _visit(context, url)
    finally:
        context.close()


def _visit(context: BrowserContext, url: str) -> Visit:
    page = context.new_page()
    transferred_bytes = 0.0

    def count(event: dict[str, Any]) -> None:
        nonlocal transferred_bytes
        transferred_bytes += event["encodedDataLength"]

    session = context.new_cdp_session(page)
    session.on("Network.loadingFinished", count)
    session.send("Network.enable")
    page.goto(url)
    paint_ms, ready_ms = wait_until(lambda: page.evaluate(TIMES), all)
    page.close()
    return Visit(paint_ms / MS_IN_S, ready_ms / MS_IN_S, transferred_bytes / KIB)
