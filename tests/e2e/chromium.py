"""Debian's Chromium, headless, with a profile of its own. Used by fixtures and benchmarks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@contextmanager
def running_chromium(*flags: str) -> Iterator[Browser]:
    """Give a browser that is closed at the end.

    Args:
        flags: More of its command line.
    """
    program = shutil.which("chromium")
    assert program, "chromium is not installed; on Debian: apt install chromium"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=(*FLAGS, *flags))
        try:
            yield chromium
        finally:
            chromium.close()
