"""A laptop sleeps: what came meanwhile is there on waking, whoever noticed what."""

from __future__ import annotations

import contextlib
import signal
import socket

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.driver.fixtures import StartGateway
from tests.e2e.chat_page import ChatPage
from tests.e2e.conftest import OpenPage
from tests.e2e.saying import say_all

COUNT = 300
#: More than the gateway keeps for those who follow.
SMALL_CHANNEL = {"channel_bytes": 65_536}
#: ``SILENCE_MS`` and ``SIGN_OF_LIFE_MS`` of the page, and a little.
SILENCE_MS = 16_000
SIGN_OF_LIFE_MS = 11_000
#: ``CONNECT_DEADLINE_MS``, and a little.
CONNECT_DEADLINE_MS = 16_000


def test_a_page_that_was_offline_for_long_misses_nothing(
    node_pair: tuple[NodeProcess, NodeProcess], start_gateway: StartGateway, open_page: OpenPage
) -> None:
    node, peer = node_pair
    gateway = start_gateway(node, stall_timeout_s=2, **SMALL_CHANNEL)
    page = open_page(gateway)
    peer.publish("before")
    page.wait_message("before")
    page.context.set_offline(True)
    page.type("written offline")
    say(peer)
    wait_until(lambda: "\ngateway_clients 0.0\n" in gateway.get("/metrics").text)
    page.context.set_offline(False)
    assert_complete(page, "written offline")


def test_a_page_whose_connection_died_in_its_sleep_notices_and_misses_nothing(
    node_pair: tuple[NodeProcess, NodeProcess], start_gateway: StartGateway, open_page: OpenPage
) -> None:
    node, peer = node_pair
    gateway = start_gateway(node, **SMALL_CHANNEL)
    page = with_clock(open_page(gateway))
    peer.publish("before")
    page.wait_message("before")
    gateway.signal(signal.SIGSTOP)
    say(peer)
    page.page.clock.fast_forward(SILENCE_MS)
    page.page.clock.fast_forward(SIGN_OF_LIFE_MS)
    page.wait_text("#banners", "The gateway is away")
    page.type("written meanwhile")
    page.wait_message("written meanwhile", state="Waiting")
    gateway.signal(signal.SIGCONT)
    assert_complete(page, "written meanwhile")


def test_a_page_gives_up_on_a_gateway_that_takes_its_connection_and_says_nothing(
    gateway: GatewayProcess, open_page: OpenPage
) -> None:
    page = with_clock(open_page(gateway))
    gateway.kill()
    page.wait_text("#banners", "The gateway is away")
    with take_websocket(gateway.http_address):
        gateway.start()
        page.page.clock.fast_forward(CONNECT_DEADLINE_MS)
        wait_until(lambda: page.banners, lambda banners: banners == [])


def with_clock(page: ChatPage) -> ChatPage:
    """Have the page's clock in hand, to let time pass at once as a sleep does."""
    page.page.clock.install()
    page.page.reload()
    page.wait_ready()
    return page


def take_websocket(address: str) -> socket.socket:
    """Listen until a page opens ``/ws``; return its connection, and listen no more."""
    host, port = address.rsplit(":", 1)
    with socket.create_server((host, int(port))) as server:
        server.settimeout(30)
        while True:
            connection, _ = server.accept()
            connection.settimeout(1)
            with contextlib.suppress(TimeoutError):
                if connection.recv(4096).startswith(b"GET /ws "):
                    return connection
            connection.close()


def say(peer: NodeProcess) -> None:
    """Say much in the room."""
    say_all((peer, f"said {number}") for number in range(COUNT))


def assert_complete(page: ChatPage, own: str) -> None:
    """Check that the page shows everything, once and in order, and its own message sent."""
    expected = ["before", *(f"said {number}" for number in range(COUNT))]
    page.wait_message(own, state="Sent")
    wait_until(lambda: page.texts, lambda texts: {*texts} >= {*expected}, timeout_s=60)
    assert [text for text in page.texts if text != own] == expected
    assert page.texts.count(own) == 1
    page.wait_all_kept()
    wait_until(lambda: page.banners, lambda banners: banners == [])
