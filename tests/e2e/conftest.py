"""A Chromium for the module, pages for each test, and what they saw in reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.driver import GatewayProcess, NodeProcess
from tests.e2e.chat_page import ChatPage
from tests.e2e.chromium import running_chromium
from tests.e2e.scripted_gateway import ScriptedGateway

OpenPage = Callable[..., ChatPage]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give Debian's Chromium, headless, with a profile of its own."""
    with running_chromium() as chromium:
        yield chromium


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """Give ``open_page(gateway, **context options)``, which returns a page that is ready."""
    pages: list[ChatPage] = []

    def open_one(gateway: GatewayProcess, *, is_ready: bool = True, **options: Any) -> ChatPage:
        options.setdefault("service_workers", "block")
        page = ChatPage(browser.new_context(**options), gateway.url)
        pages.append(page)
        if is_ready:
            page.wait_ready()
        return page

    yield open_one
    for page in pages:
        page.close()


@pytest.fixture
def page_pair(
    gateway_pair: tuple[GatewayProcess, GatewayProcess], open_page: OpenPage
) -> tuple[ChatPage, ChatPage]:
    """Give two pages, each in front of one of two connected nodes."""
    a, b = gateway_pair
    return open_page(a), open_page(b)


@pytest.fixture
def page(gateway: GatewayProcess, open_page: OpenPage) -> ChatPage:
    """Give a page in front of a node that knows nobody."""
    return open_page(gateway)


@pytest.fixture
def pair_of_nodes_and_a_page(
    node_pair: tuple[NodeProcess, NodeProcess],
    gateway_pair: tuple[GatewayProcess, GatewayProcess],
    open_page: OpenPage,
) -> tuple[NodeProcess, NodeProcess, ChatPage]:
    """Give a node, the peer it is connected to, and the page of the first."""
    node, peer = node_pair
    return node, peer, open_page(gateway_pair[0])


@pytest.fixture
def scripted() -> Iterator[ScriptedGateway]:
    """Give a gateway that answers from a script."""
    gateway = ScriptedGateway()
    yield gateway
    gateway.close()


@pytest.fixture
def scripted_page(browser: Browser, scripted: ScriptedGateway) -> Iterator[ChatPage]:
    """Give a page in front of the scripted gateway."""
    context = browser.new_context(service_workers="block")
    scripted.accept(context)
    page = ChatPage(context, scripted.url)
    page.wait_ready()
    yield page
    page.close()
