"""A gateway that refuses the page is not one that is away: the page says why, and rests."""

from __future__ import annotations

from tests.driver import NodeProcess, wait_until
from tests.driver.fixtures import StartGateway
from tests.e2e.conftest import OpenPage

MINUTE_MS = 60_000
#: What a proxy does that passes no WebSocket on.
BLOCK_WEBSOCKETS = """window.WebSocket = class extends WebSocket {
  constructor(url, ...rest) { super(url.replace("/ws", "/no-such-path"), ...rest); }
};"""


def test_an_origin_that_is_not_allowed_is_named_and_the_page_rests(
    node: NodeProcess, start_gateway: StartGateway, open_page: OpenPage
) -> None:
    gateway = start_gateway(node, allowed_origins="https://chat.example")
    page = open_page(gateway, is_ready=False)
    told = page.wait_text("#banners", "The gateway does not let this page in")
    assert page.url in told
    assert "GATEWAY_ALLOWED_ORIGINS" in told
    assert "away" not in told
    assert page.banners == ["gateway-refuses"]
    left_s = wait_until(
        lambda: page.page.evaluate(
            "async () => (await import('/app.js')).chat.link.retryTime - Date.now()"
        ),
        lambda left_ms: left_ms > MINUTE_MS / 2,
    )
    assert left_s <= MINUTE_MS
    page.type("kept")
    page.wait_message("kept", state="Waiting")
    page.page.get_by_role("button", name="Try now").click()
    page.wait_text("#banners", "The gateway does not let this page in")


def test_a_proxy_that_passes_no_websocket_on_is_told_of(
    node: NodeProcess, start_gateway: StartGateway, open_page: OpenPage
) -> None:
    gateway = start_gateway(node)
    gateway.wait_node_reachable()
    page = open_page(gateway)
    page.context.add_init_script(BLOCK_WEBSOCKETS)
    page.page.reload()
    page.wait_text("#banners", "no WebSocket comes through")
    assert page.banners == ["gateway-refuses"]
