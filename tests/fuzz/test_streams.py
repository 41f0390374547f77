"""No bytes of a peer end a node, raise what nobody expects, or stay in its memory."""

from __future__ import annotations

from tests.fuzz.streams import hostile_connections, hostile_streams
from tests.simulation.running import simulate


def test_damaged_messages_of_every_protocol() -> None:
    simulate(hostile_streams, 1)


def test_damaged_handshakes() -> None:
    simulate(hostile_connections, 1)
