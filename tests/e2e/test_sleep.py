"""A laptop sleeps: what came meanwhile is there on waking, whoever noticed what."""

from __future__ import annotations

import signal

from tests.driver import NodeProcess, wait_until
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
    page = open_page(gateway)
    page.page.clock.install()
    page.page.reload()
    page.wait_ready()
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
