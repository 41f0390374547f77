"""go-libp2p and js-libp2p peers in the room, each dialling and dialled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import EventListener, NodeProcess
from tests.interop.foreign_peer import ForeignPeer
from tests.interop.programs import go_program, node_program

PEERS: dict[str, Callable[[], tuple[str, ...]]] = {
    "go-ed25519": lambda: (go_program("go-peer"), "-key", "ed25519"),
    "go-ecdsa": lambda: (go_program("go-peer"), "-key", "ecdsa"),
    "go-rsa": lambda: (go_program("go-peer"), "-key", "rsa"),
    "go-secp256k1": lambda: (go_program("go-peer"), "-key", "secp256k1"),
    "js": lambda: node_program("js-peer.js"),
}


@pytest.fixture(params=PEERS)
def command(request: pytest.FixtureRequest) -> Sequence[str]:
    """Give the command of a foreign peer, each once."""
    return PEERS[request.param]()


def test_foreign_peer_that_dials_us_chats_both_ways(
    node: NodeProcess, command: Sequence[str]
) -> None:
    with EventListener(node) as listener, ForeignPeer([*command, node.address]) as peer:
        assert_chat(node, listener, peer)


def test_foreign_peer_that_we_dial_chats_both_ways(
    node: NodeProcess, command: Sequence[str]
) -> None:
    with EventListener(node) as listener, ForeignPeer(command) as peer:
        with node.open_channel() as channel:
            stub = chat_pb2_grpc.ChatServiceStub(channel)
            answer = stub.Connect(chat_pb2.ConnectRequest(address=peer.address), timeout=30)
        assert answer.peer.peer_id == peer.peer_id
        assert_chat(node, listener, peer)


def test_line_of_peers_forwards_with_the_true_author(node: NodeProcess) -> None:
    """js - node - go: what either says reaches the other through our node."""
    go_command = (go_program("go-peer"), node.address)
    js_command = (*node_program("js-peer.js"), node.address)
    with (
        EventListener(node) as listener,
        ForeignPeer(go_command) as go,
        ForeignPeer(js_command) as js,
    ):
        assert_chat(node, listener, go)
        assert_chat(node, listener, js)
        go.say("héllo from go ✓")
        assert js.wait_message("héllo from go ✓")["author"] == go.peer_id
        js.say("héllo from js ✓")
        heard = go.wait_message("héllo from js ✓")
        assert (heard["author"], heard["forwarder"]) == (js.peer_id, node.peer_id)
        assert listener.wait_text("héllo from js ✓").author_id == js.peer_id


@pytest.mark.parametrize("name", ["go-ed25519", "js"])
def test_what_nobody_took_before_a_kill_reaches_the_first_who_comes(
    node: NodeProcess, name: str
) -> None:
    """These peers do not synchronise: they get what is sent to them, and nothing else."""
    texts = [f"waits {number}" for number in range(20)]
    assert {node.publish(text).recipients for text in texts} == {0}
    node.kill()
    node.start()
    with ForeignPeer([*PEERS[name](), node.address]) as peer:
        for text in texts:
            assert peer.wait_message(text)["author"] == node.peer_id


def assert_chat(node: NodeProcess, listener: EventListener, peer: ForeignPeer) -> None:
    """Have a message each way between the node and the peer."""
    peer.wait_joined(node.peer_id)
    listener.wait_events(lambda events: any(_is_arrival(event, peer.peer_id) for event in events))
    ours, theirs = f"to {peer.peer_id}", f"from {peer.peer_id}"
    node.publish(ours)
    assert peer.wait_message(ours)["author"] == node.peer_id
    peer.say(theirs)
    message = listener.wait_text(theirs)
    assert message.author_id == peer.peer_id
    assert message.forwarder_id == peer.peer_id


def _is_arrival(event: chat_pb2.Event, peer_id: str) -> bool:
    return event.peer_joined.peer_id == peer_id and event.peer_joined.room == "chat-room"
