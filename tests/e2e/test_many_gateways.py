"""A page behind HAProxy goes on at another gateway of its node when its own one ends."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.driver import NodeProcess, wait_until
from tests.driver.fixtures import StartGateway
from tests.driver.haproxy import free_port, running_haproxy
from tests.e2e.conftest import OpenPage


@dataclass(frozen=True, slots=True)
class Front:
    """Where the page is."""

    url: str


def test_a_page_moves_to_another_gateway_and_shows_each_message_once(
    node: NodeProcess, start_gateway: StartGateway, open_page: OpenPage, tmp_path: Path
) -> None:
    port = free_port()
    front = Front(f"http://127.0.0.1:{port}")
    gateways = [start_gateway(node, allowed_origins=front.url) for _ in range(2)]
    for gateway in gateways:
        gateway.wait_node_reachable()
    expected = []
    with running_haproxy(tmp_path, port, gateways):
        page = open_page(front)
        # It is at one of the two, so that one of these stops is that of its own.
        for gateway in gateways:
            gateway.stop()
            for text in ("behind", "typed"):
                expected.append(f"{text} {gateway.name}")
            node.publish(expected[-2])
            page.wait_message(expected[-2])
            page.type(expected[-1])
            page.wait_all_kept()
            gateway.start()
            gateway.wait_node_reachable()
        wait_until(lambda: page.texts, lambda texts: texts == expected)
        page.page.reload()
        wait_until(lambda: page.texts, lambda texts: texts == expected)
