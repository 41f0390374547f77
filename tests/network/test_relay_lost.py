"""A relay is killed while a hole is punched over it; another one is there."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from wsp.chat.v1 import chat_pb2

from tests.driver.forked import Launcher
from tests.driver.listener import EventListener
from tests.driver.nat_lab import Nat, open_nat_lab
from tests.driver.process import Service
from tests.driver.waiting import SLACK_S, wait_until
from tests.network.test_hole_punching import LISTEN, Lab
from tests.network.test_relay import (
    ELSEWHERE,
    connect,
    get_node,
    relayed_address,
    say_both_ways,
    wait_heard_since,
)

pytestmark = pytest.mark.netns

DIRECT_WITHIN_S = 15.0 + SLACK_S
"""All attempts over the second relay."""
RELAYED, DIRECT = chat_pb2.CONNECTION_KIND_RELAYED, chat_pb2.CONNECTION_KIND_DIRECT
SUCCEEDED = chat_pb2.HOLE_PUNCH_RESULT_SUCCEEDED


def test_chat_goes_on_and_the_hole_is_punched_when_the_relay_is_killed_meanwhile(
    tmp_path: Path, services: list[Service]
) -> None:
    with open_nat_lab() as nats, Launcher() as launcher:
        lab = Lab(nats, tmp_path, launcher, services, LISTEN["tcp"])
        relays = [
            lab.start(name, Nat.OPEN, relay_service="on", rooms=ELSEWHERE) for name in ("r1", "r2")
        ]
        both = ",".join(relay.address for relay in relays)
        hidden, caller = (lab.start(n, Nat.PORT_KEEPING, relays=both) for n in ("hidden", "caller"))
        first, _ = (relayed_address(hidden, relay) for relay in relays)
        ends = lab.machines[hidden.name], lab.machines[caller.name]
        nats.cut(*ends)
        with EventListener(hidden) as at_hidden, EventListener(caller) as at_caller:
            connect(caller, first)
            say_both_ways(caller, hidden, range(5))
            assert not get_node(caller).reach.hole_punches, "punching is under way"
            relays[0].kill()
            killed_s = time.monotonic()
            say_both_ways(caller, hidden, range(5, 25))
            wanted = {f"{node.name} {number}" for node in (caller, hidden) for number in range(25)}
            wait_heard_since(killed_s, (at_hidden, at_caller), len(wanted))
            connection = caller.peers()[hidden.peer_id].connection
            assert (connection.kind, connection.relay_id) == (RELAYED, relays[1].peer_id)
            nats.join(*ends)
            wait_until(
                lambda: caller.peers()[hidden.peer_id].connection.kind,
                DIRECT.__eq__,
                timeout_s=DIRECT_WITHIN_S,
            )
            say_both_ways(caller, hidden, range(25, 30))
            wanted |= {f"{node.name} {n}" for node in (caller, hidden) for n in range(25, 30)}
            for listener in (at_hidden, at_caller):
                listener.wait_messages(len(wanted))
                assert sorted(listener.texts) == sorted(wanted)
        assert get_node(caller).reach.hole_punches[-1].result == SUCCEEDED
