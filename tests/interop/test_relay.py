"""Relays and peers behind relays, of go, js and rust-libp2p and ours, with one another."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.driver import EventListener, NodeProcess
from tests.driver.fixtures import StartNode
from tests.driver.waiting import wait_until
from tests.interop.foreign_peer import ForeignPeer
from tests.interop.programs import go_program, node_program, rust_program
from tests.network.test_relay import ELSEWHERE, RELAYED, STAYING, connect, relayed_address

KIB = 1024
BEHIND: dict[str, Callable[[], tuple[str, ...]]] = {
    "go": lambda: (go_program("go-peer"), "-behind"),
    "js": lambda: (*node_program("js-peer.js"), "--behind"),
    "rust": lambda: (rust_program("rust-peer"), "--behind"),
}
DIALLING: dict[str, Callable[[], tuple[str, ...]]] = {
    "go": lambda: (go_program("go-peer"),),
    "js": lambda: (*node_program("js-peer.js"), "--circuits"),
    "rust": lambda: (rust_program("rust-peer"),),
}


def test_our_nodes_chat_through_a_go_relay(start_node: StartNode) -> None:
    with ForeignPeer([go_program("go-peer"), "-room", ELSEWHERE, "-relay", "unlimited"]) as relay:
        hidden = start_node("hidden", listen="none", relays=relay.address, **STAYING)
        caller = start_node("caller")
        connect(caller, relayed_address(hidden, relay))
        assert not caller.peers()[hidden.peer_id].connection.is_limited
        assert_chat(caller, hidden)


def test_chat_survives_the_resets_of_a_limited_go_relay(start_node: StartNode) -> None:
    """go resets a circuit after 128 KiB one way, and these messages are three times that."""
    with ForeignPeer([go_program("go-peer"), "-room", ELSEWHERE, "-relay", "limited"]) as relay:
        hidden = start_node("hidden", listen="none", relays=relay.address, **STAYING)
        caller = start_node("caller", listen="none")
        connect(caller, relayed_address(hidden, relay))
        texts = [f"{number} " + "x" * 16 * KIB for number in range(24)]
        with EventListener(hidden) as at_hidden, EventListener(caller) as at_caller:
            for text in texts:
                caller.publish(text)
            at_hidden.wait_messages(len(texts))
            assert sorted(at_hidden.texts) == sorted(texts)
            for listener, other in ((at_hidden, caller), (at_caller, hidden)):
                assert_stayed(listener, other)
        connection = wait_until(caller.peers, lambda seen: hidden.peer_id in seen)[
            hidden.peer_id
        ].connection
        assert (connection.kind, connection.is_limited) == (RELAYED, True)


@pytest.mark.parametrize("name", BEHIND)
def test_peer_behind_our_relay_chats(start_node: StartNode, name: str) -> None:
    relay = start_node("relay", relay_service="on")
    with ForeignPeer([*BEHIND[name](), relay.address]) as hidden:
        hidden.wait_joined(relay.peer_id)
        caller = start_node("caller", **STAYING)
        connect(caller, f"{relay.address}/p2p-circuit/p2p/{hidden.peer_id}")
        assert caller.peers()[hidden.peer_id].connection.relay_id == relay.peer_id
        hidden.wait_joined(caller.peer_id)
        with EventListener(caller) as listener:
            caller.publish("there")
            assert hidden.wait_message("there")["author"] == caller.peer_id
            hidden.say("and back")
            assert listener.wait_text("and back").author_id == hidden.peer_id


@pytest.mark.parametrize("name", DIALLING)
def test_peer_that_dials_us_behind_our_relay_chats(start_node: StartNode, name: str) -> None:
    """Defect 38: with a limit on the wire go and js send no gossip over the connection."""
    relay = start_node("relay", relay_service="on", rooms=ELSEWHERE)
    rooms = f"chat-room,{ELSEWHERE}"
    hidden = start_node("hidden", listen="none", relays=relay.address, rooms=rooms, **STAYING)
    relay.wait_peer(hidden, ELSEWHERE)
    with ForeignPeer([*DIALLING[name](), relayed_address(hidden, relay)]) as caller:
        caller.wait_joined(hidden.peer_id)
        with EventListener(hidden) as listener:
            caller.say("there")
            assert listener.wait_text("there").forwarder_id == caller.peer_id
            hidden.publish("and back")
            assert caller.wait_message("and back")["author"] == hidden.peer_id


def assert_stayed(listener: EventListener, other: NodeProcess) -> None:
    """See that a peer was connected over several circuits, and never reported as gone."""
    events = list(listener.events)
    assert other.peer_id not in {e.peer_left.peer_id for e in events}
    assert other.peer_id not in {e.peer_disconnected.peer_id for e in events}
    opened = [
        e.peer_connected.peer.connection.open_time.ToNanoseconds()
        for e in events
        if e.peer_connected.peer.peer_id == other.peer_id
    ]
    assert len(set(opened)) > 1


def assert_chat(a: NodeProcess, b: NodeProcess) -> None:
    with EventListener(a) as at_a, EventListener(b) as at_b:
        a.publish("there")
        at_b.wait_text("there")
        b.publish("and back")
        at_a.wait_text("and back")
