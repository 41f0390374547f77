"""Peers of other libp2p in the room, each dialling and dialled: go, js, rust and stock py.

None of them synchronises, and our node keeps on disk; each is simply a peer.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import EventListener, NodeProcess
from tests.driver.fixtures import StartNode
from tests.driver.waiting import SLACK_S, wait_until
from tests.interop.foreign_peer import ForeignPeer
from tests.interop.programs import go_program, node_program, rust_program

STOCK_PEER = Path(__file__).with_name("stock_peer.py")
SYNC = "/wsp/sync/1.0.0"
GO_QUEUE = 20
"""go drops silently what is beyond 32 messages in hand."""
QUIC = "/ip4/127.0.0.1/udp/0/quic-v1"
TCP = "/ip4/127.0.0.1/tcp/0"
QUIET_S = 60.0
"""Longer than either side holds a QUIC connection on which nothing comes."""
BACK_WITHIN_S = 5.0
PEERS: dict[str, Callable[[], tuple[str, ...]]] = {
    "go-ed25519": lambda: (go_program("go-peer"), "-key", "ed25519"),
    "go-ecdsa": lambda: (go_program("go-peer"), "-key", "ecdsa"),
    "go-rsa": lambda: (go_program("go-peer"), "-key", "rsa"),
    "go-secp256k1": lambda: (go_program("go-peer"), "-key", "secp256k1"),
    "js": lambda: node_program("js-peer.js"),
    "rust": lambda: (rust_program("rust-peer"),),
    "stock-py": lambda: (sys.executable, str(STOCK_PEER)),
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
        assert connect(node, peer).peer_id == peer.peer_id
        assert_chat(node, listener, peer)


@pytest.mark.parametrize("name", ["go-ed25519", "go-ecdsa", "rust"])
def test_foreign_peer_that_dials_us_chats_over_quic(start_node: StartNode, name: str) -> None:
    node = start_node("quic", listen=QUIC)
    command = (*PEERS[name](), node.address)
    with EventListener(node) as listener, ForeignPeer(command) as peer:
        assert_chat(node, listener, peer)
        assert node.peers("chat-room")[peer.peer_id].connection.transport == "quic-v1"
        for start in range(0, 300, GO_QUEUE):
            texts = [f"said {number}" for number in range(start, start + GO_QUEUE)]
            for text in texts:
                peer.say(text)
            wait_until(lambda: listener.texts, set(texts).issubset)
            for text in texts:
                node.publish(f"answer to {text}")
            for text in texts:
                peer.wait_message(f"answer to {text}")


def test_peers_that_we_dial_chat_after_a_quiet_minute_and_one_that_slept_is_back(
    start_node: StartNode,
) -> None:
    """A minute without a message over TCP and QUIC; a node of ours is stopped meanwhile."""
    node, sleeper = start_node("node", listen=f"{TCP},{QUIC}"), start_node("sleeper")
    commands = {
        "quic-v1": [(go_program("go-peer"), "-listen", QUIC), (*PEERS["rust"](), "--listen", QUIC)],
        "tcp": [PEERS["go-ed25519"](), PEERS["js"]()],
    }
    with ExitStack() as running, EventListener(node) as listener:
        peers = []
        for transport, command in ((t, each) for t, many in commands.items() for each in many):
            peer = running.enter_context(ForeignPeer(command))
            assert connect(node, peer).connection.transport == transport
            peers.append(peer)
        node.connect(sleeper)
        for peer in peers:
            assert_chat(node, listener, peer)
        sleeper.signal(signal.SIGSTOP)
        try:
            quiet_until_s = time.monotonic() + QUIET_S
            wait_until(time.monotonic, lambda now_s: now_s > quiet_until_s, timeout_s=QUIET_S + 30)
            assert sleeper.peer_id not in node.peers("chat-room")
        finally:
            sleeper.signal(signal.SIGCONT)
        node.wait_peer(sleeper, "chat-room", timeout_s=BACK_WITHIN_S + SLACK_S)
        node.publish("after a quiet time")
        for peer in peers:
            peer.wait_message("after a quiet time")
            peer.say(f"{peer.peer_id} is there")
            assert listener.wait_text(f"{peer.peer_id} is there").forwarder_id == peer.peer_id
        with EventListener(sleeper) as awake:
            node.publish("good morning")
            awake.wait_text("good morning")


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


def test_what_other_peers_said_is_history_for_our_nodes(start_node: StartNode) -> None:
    """Sequence numbers are counters in py, drawn by chance in js, clocks in go."""
    early = start_node("early")
    said = []
    for name in ("go-ed25519", "js", "stock-py"):
        with EventListener(early) as listener, ForeignPeer([*PEERS[name](), early.address]) as peer:
            assert_chat(early, listener, peer)
            said.append(f"from {peer.peer_id}")
    early.kill()
    early.start()
    late = start_node("late")
    with EventListener(late) as listener:
        late.connect(early)
        listener.wait_events(lambda _: set(said) <= set(listener.texts), timeout_s=60)
        assert len(listener.texts) == len(set(listener.texts)) == 2 * len(said)


def connect(node: NodeProcess, peer: ForeignPeer) -> chat_pb2.Peer:
    """Have the node dial the peer."""
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        return stub.Connect(chat_pb2.ConnectRequest(address=peer.address), timeout=30).peer


def assert_chat(node: NodeProcess, listener: EventListener, peer: ForeignPeer) -> None:
    """Have a message each way between the node and the peer."""
    peer.wait_joined(node.peer_id)
    known = wait_until(
        lambda: node.peers("chat-room").get(peer.peer_id), lambda seen: seen and seen.protocols
    )
    assert known is not None
    assert SYNC not in known.protocols
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
