"""Relays and peers behind relays, of go-libp2p and ours, with one another."""

from __future__ import annotations

from tests.driver import EventListener, NodeProcess
from tests.driver.fixtures import StartNode
from tests.driver.waiting import wait_until
from tests.interop.foreign_peer import ForeignPeer
from tests.interop.programs import go_program
from tests.network.test_relay import ELSEWHERE, RELAYED, STAYING, connect, relayed_address

KIB = 1024


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
        with EventListener(hidden) as at_hidden:
            for text in texts:
                caller.publish(text)
            at_hidden.wait_messages(len(texts))
            assert sorted(at_hidden.texts) == sorted(texts)
        connection = wait_until(caller.peers, lambda seen: hidden.peer_id in seen)[
            hidden.peer_id
        ].connection
        assert (connection.kind, connection.is_limited) == (RELAYED, True)


def test_go_peer_behind_our_relay_chats(start_node: StartNode) -> None:
    relay = start_node("relay", relay_service="on")
    with ForeignPeer([go_program("go-peer"), "-behind", relay.address]) as hidden:
        hidden.wait_joined(relay.peer_id)
        caller = start_node("caller")
        connect(caller, hidden.address)
        assert caller.peers()[hidden.peer_id].connection.relay_id == relay.peer_id
        hidden.wait_joined(caller.peer_id)
        with EventListener(caller) as listener:
            caller.publish("to go")
            assert hidden.wait_message("to go")["author"] == caller.peer_id
            hidden.say("from go")
            assert listener.wait_text("from go").author_id == hidden.peer_id


def test_go_peer_dials_us_behind_our_relay(start_node: StartNode) -> None:
    """Defect 38: with a limit on the wire go would send no gossip over the connection."""
    relay = start_node("relay", relay_service="on", rooms=ELSEWHERE)
    rooms = f"chat-room,{ELSEWHERE}"
    hidden = start_node("hidden", listen="none", relays=relay.address, rooms=rooms)
    relay.wait_peer(hidden, ELSEWHERE)
    with ForeignPeer([go_program("go-peer"), relayed_address(hidden, relay)]) as caller:
        caller.wait_joined(hidden.peer_id)
        with EventListener(hidden) as listener:
            caller.say("from go")
            assert listener.wait_text("from go").forwarder_id == caller.peer_id
            hidden.publish("to go")
            assert caller.wait_message("to go")["forwarder"] == hidden.peer_id


def assert_chat(a: NodeProcess, b: NodeProcess) -> None:
    with EventListener(a) as at_a, EventListener(b) as at_b:
        a.publish("there")
        at_b.wait_text("there")
        b.publish("and back")
        at_a.wait_text("and back")
