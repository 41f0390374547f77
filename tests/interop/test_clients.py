"""Clients made from ``proto/chat.proto`` in Go and in Node chat over the API."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from tests.driver import EventListener, NodeProcess
from tests.interop.programs import PROTO_DIR, go_program, node_program, run

CLIENTS: dict[str, Callable[[], tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "go": lambda: ((go_program("chat-client"),), ()),
    "node": lambda: (node_program("chat-client.js"), (str(PROTO_DIR),)),
}


@pytest.mark.parametrize("language", CLIENTS)
def test_client_publishes_and_receives(
    language: str, node_pair: tuple[NodeProcess, NodeProcess]
) -> None:
    a, b = node_pair
    command, rest = CLIENTS[language]()
    with EventListener(b) as listener:
        answer = threading.Thread(
            target=lambda: listener.wait_text("to b") and b.publish("to the client"), daemon=True
        )
        answer.start()
        heard = run(*command, a.grpc_address, "to b", "2", *rest).splitlines()
        answer.join()
    assert heard == [f"{a.peer_id} to b", f"{b.peer_id} to the client"]
