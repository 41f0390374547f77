"""Two pages write while gateways, a node and a page are killed: nothing lost, nothing twice."""

from __future__ import annotations

import itertools
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.driver import GatewayProcess, NodeProcess, Service, wait_until
from tests.e2e.chat_page import ChatPage

Nodes = tuple[NodeProcess, NodeProcess]
Gateways = tuple[GatewayProcess, GatewayProcess]
Pages = tuple[ChatPage, ChatPage]
#: Messages each page writes between two things that happen.
STRETCH = 10


class Writers:
    """Both pages, and what was written in each."""

    def __init__(self, nodes: Nodes, pages: Pages) -> None:
        self.written: set[tuple[str, str]] = set()
        self._authors = tuple(zip(pages, [node.peer_id for node in nodes], strict=True))
        self._numbers = itertools.count()

    def write(self, count: int = STRETCH) -> None:
        """Write so many messages in each page, by turns."""
        for _ in range(count):
            for page, author in self._authors:
                self.write_in(page, author)

    def write_in(self, page: ChatPage, author: str) -> None:
        """Write one message; return as soon as Enter is pressed."""
        text = f"message {next(self._numbers)}"
        page.type(text)
        self.written.add((author, text))


@pytest.mark.timeout(300)
def test_both_pages_end_with_the_same_whole_conversation_whatever_is_killed(
    node_pair: Nodes, gateway_pair: Gateways, page_pair: Pages
) -> None:
    (node_a, node_b), (a, b) = node_pair, page_pair
    writers = Writers(node_pair, page_pair)
    writers.write()
    gateway_pair[0].kill()
    writers.write()
    with restarting(gateway_pair[0]):
        writers.write()
    node_a.kill()
    writers.write()
    with restarting(node_a):
        writers.write()
    gateway_pair[0].signal(signal.SIGSTOP)
    for _ in range(STRETCH):
        writers.write_in(a, node_a.peer_id)
    a.crash()
    gateway_pair[0].signal(signal.SIGCONT)
    a.open()
    writers.write()
    node_a.wait_peer(node_b, "chat-room", timeout_s=90)
    for page in page_pair:
        page.wait_all_kept()
        wait_until(page.show_whole, lambda seen: len(seen) >= len(writers.written), timeout_s=60)
    assert sorted(a.conversation) == sorted(writers.written)
    assert a.conversation == b.conversation
    for page in page_pair:
        assert {message["state"] for message in page.messages if message["own"]} == {"Sent"}
        assert page.complaints == []


@contextmanager
def restarting(service: Service) -> Iterator[None]:
    """Start a killed service while the body goes on; it is ready afterwards."""
    starting = threading.Thread(target=service.start)
    starting.start()
    yield
    starting.join()
    assert service.ready, service.report()
