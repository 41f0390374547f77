"""Members of a room find one another in the DHT, which peers of rust-libp2p serve as well."""

from __future__ import annotations

from tests.driver import EventListener
from tests.driver.fixtures import StartNode
from tests.interop.foreign_peer import ForeignPeer
from tests.interop.programs import rust_program
from tests.network.test_relay import ELSEWHERE


def rust_peer(*arguments: str) -> ForeignPeer:
    return ForeignPeer([rust_program("rust-peer"), *arguments])


def test_ours_finds_a_rust_peer_at_a_rust_server(start_node: StartNode) -> None:
    """A client of the DHT is in no table, and one that listens nowhere is dialled by nobody."""
    with rust_peer("--room", ELSEWHERE) as server:
        node = start_node("node", bootstrap=server.address, listen="none")
        with EventListener(node) as listener, rust_peer("--provide", server.address) as peer:
            peer.wait_joined(node.peer_id)
            peer.say("found")
            assert listener.wait_text("found").author_id == peer.peer_id


def test_rust_peer_finds_ours_at_a_rust_server(start_node: StartNode) -> None:
    with rust_peer("--room", ELSEWHERE) as server:
        node = start_node("node", bootstrap=server.address)
        with EventListener(node) as listener, rust_peer("--find", server.address) as peer:
            peer.wait_found(node.peer_id)
            peer.wait_joined(node.peer_id)
            peer.say("found")
            assert listener.wait_text("found").author_id == peer.peer_id


def test_rust_peers_meet_at_a_server_of_ours(start_node: StartNode) -> None:
    server = start_node("server", rooms=ELSEWHERE)
    with (
        rust_peer("--provide", server.address) as provider,
        rust_peer("--find", server.address) as finder,
    ):
        finder.wait_found(provider.peer_id)
        finder.wait_joined(provider.peer_id)
        provider.wait_joined(finder.peer_id)
        finder.say("found")
        assert provider.wait_message("found")["forwarder"] == finder.peer_id
