"""Being left alone, between real nodes: blocked peers, and peers that are disconnected."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import httpx
import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import NodeProcess
from tests.driver.direct import direct_page, send_direct
from tests.driver.fixtures import StartGateway, StartNode
from tests.driver.waiting import wait_until
from tests.gateway.client import Client
from tests.p2pd.api.reading import reason_of

DIAL_S = 30


@contextmanager
def stub_of(node: NodeProcess) -> Iterator[Any]:
    with node.open_channel() as channel:
        yield chat_pb2_grpc.ChatServiceStub(channel)


def listed_at(node: NodeProcess) -> list[str]:
    with stub_of(node) as stub:
        page = stub.ListMessages(chat_pb2.ListMessagesRequest())
    return [event.message.text for event in page.messages]


def replayed_at(node: NodeProcess) -> list[str]:
    """Read the whole log, which must tell of no hole."""
    texts: list[str] = []
    with stub_of(node) as stub:
        for response in stub.Events(chat_pb2.EventsRequest(after="")):
            for event in response.events:
                kind = event.WhichOneof("event")
                assert kind != "gap"
                if kind == "message":
                    texts.append(event.message.text)
                if kind == "caught_up":
                    return texts
    raise AssertionError("the log did not end")


def wait_listed(node: NodeProcess, text: str) -> None:
    wait_until(lambda: listed_at(node), lambda texts: text in texts)


def block(node: NodeProcess, other: NodeProcess) -> None:
    with stub_of(node) as stub:
        stub.BlockPeer(chat_pb2.BlockPeerRequest(peer_id=other.peer_id))


def connect(node: NodeProcess, address: str) -> None:
    with stub_of(node) as stub:
        stub.Connect(chat_pb2.ConnectRequest(address=address), timeout=DIAL_S)


def test_messages_of_a_blocked_peer_are_seen_nowhere_until_it_is_unblocked(
    start_node: StartNode, start_gateway: StartGateway
) -> None:
    a, b, c = start_node("a"), start_node("b"), start_node("c")
    a.connect(b)
    b.connect(c)
    for one in (a, c):
        b.wait_peer(one, "chat-room")
    c.publish("before")
    wait_listed(a, "before")
    gateway = start_gateway(a)
    gateway.wait_node_reachable()
    with Client(gateway.ws_url) as page:
        page.hello(after="")
        page.wait_text("before")
        assert page.ask("block_peer", peer_id=c.peer_id)["type"] == "ack"
        blocked = page.wait_frame(lambda frame: frame["type"] == "peer_blocked")
        assert (blocked["peer_id"], blocked["is_blocked"]) == (c.peer_id, True)
        c.publish("relayed by b")
        wait_listed(b, "relayed by b")
        b.publish("from b")
        page.wait_text("from b")
        assert page.texts == ["before", "from b"]
    a.kill()
    c.publish("for synchronisation")
    wait_listed(b, "for synchronisation")
    b.publish("while a was away")
    a.restart()
    wait_listed(a, "while a was away")
    gateway.wait_node_reachable()
    shown = ["from b", "while a was away"]
    assert listed_at(a) == replayed_at(a) == shown
    assert rest_texts(gateway.url) == shown
    with Client(gateway.ws_url) as page:
        page.hello(after="")
        page.wait_text("while a was away")
        assert page.texts == shown
        assert page.ask("unblock_peer", peer_id=c.peer_id)["type"] == "ack"
        c.publish("after")
        page.wait_text("after")
    assert {"before", "from b", "while a was away", "after"} <= set(listed_at(a))
    assert rest_texts(gateway.url)[0] == "before"


def rest_texts(url: str) -> list[str]:
    answer = httpx.get(f"{url}/api/rooms/chat-room/messages", timeout=30).json()
    return [message["text"] for message in answer["messages"]]


def test_a_hidden_message_and_a_muted_room_stay_so_over_a_restart(
    start_node: StartNode, start_gateway: StartGateway
) -> None:
    a = start_node("a")
    a.publish("shown")
    gateway = start_gateway(a)
    gateway.wait_node_reachable()
    with Client(gateway.ws_url) as page:
        page.hello(after="")
        hidden = page.ask("publish", text="hidden")["message_id"]
        page.wait_text("hidden")
        assert page.ask("hide_message", message_id=hidden)["type"] == "ack"
        told = page.wait_frame(lambda frame: frame["type"] == "message_hidden")
        assert (told["message_id"], told["is_hidden"]) == (hidden, True)
        assert page.ask("mute_room")["type"] == "ack"
        assert page.wait_frame(lambda frame: frame["type"] == "room_muted")["is_muted"]
    with Client(gateway.ws_url) as page:
        page.hello(after="")
        page.ask("publish", text="end")
        page.wait_text("end")
        assert page.texts == ["shown", "end"]
    a.restart()
    gateway.wait_node_reachable()
    assert listed_at(a) == replayed_at(a) == rest_texts(gateway.url) == ["shown", "end"]
    assert httpx.get(f"{gateway.url}/api/rooms", timeout=30).json()["rooms"][0]["is_muted"]
    for path in (f"hidden/{hidden}", "rooms/chat-room/muted"):
        assert httpx.delete(f"{gateway.url}/api/{path}", timeout=30).status_code == 204
    assert listed_at(a) == ["shown", "hidden", "end"]
    assert not httpx.get(f"{gateway.url}/api/rooms", timeout=30).json()["rooms"][0]["is_muted"]


def test_the_newest_message_of_a_conversation_is_one_that_is_shown(
    start_node: StartNode,
) -> None:
    a, b = start_node("a"), start_node("b")
    a.connect(b)
    a.wait_peer(b, "chat-room")
    a.publish("ours")
    b.publish("theirs")
    wait_listed(a, "theirs")
    block(a, b)
    with stub_of(a) as stub:
        listed = stub.ListConversations(chat_pb2.ListConversationsRequest(reader="me"))
    assert listed.conversations[0].last_message.message.text == "ours"


def test_a_blocked_peer_is_written_to_no_more_and_its_direct_messages_are_hidden(
    start_node: StartNode,
) -> None:
    a, b = start_node("a"), start_node("b")
    a.connect(b)
    send_direct(a, b.peer_id, "ours")
    send_direct(b, a.peer_id, "theirs")
    wait_until(lambda: direct_texts(a, b), lambda texts: sorted(texts) == ["ours", "theirs"])
    block(a, b)
    assert direct_texts(a, b) == ["ours"]
    with pytest.raises(grpc.RpcError) as caught:
        send_direct(a, b.peer_id, "too late")
    assert reason_of(caught.value) == "PEER_BLOCKED"
    send_direct(b, a.peer_id, "while blocked")
    with stub_of(a) as stub:
        stub.UnblockPeer(chat_pb2.UnblockPeerRequest(peer_id=b.peer_id))
    a.connect(b)
    wait_until(
        lambda: direct_texts(a, b),
        lambda texts: sorted(texts) == ["ours", "theirs", "while blocked"],
    )


def direct_texts(node: NodeProcess, other: NodeProcess) -> list[str]:
    return [message.text for message in direct_page(node, other.peer_id)]


def test_there_is_no_connection_with_a_blocked_peer_either_way_over_a_restart_too(
    start_node: StartNode,
) -> None:
    a, b = start_node("a"), start_node("b")
    a.connect(b)
    block(a, b)
    wait_until(lambda: (a.peers(), b.peers()), lambda peers: peers == ({}, {}))
    a.restart()
    with pytest.raises(grpc.RpcError) as caught:
        connect(a, b.address)
    assert reason_of(caught.value) == "PEER_BLOCKED"
    with pytest.raises(grpc.RpcError) as caught:
        connect(b, a.address)
    assert reason_of(caught.value) in ("DIAL_FAILED", "DIAL_TIMEOUT")
    wait_until(lambda: (a.peers(), b.peers()), lambda peers: peers == ({}, {}))
    with stub_of(a) as stub:
        listed = stub.ListBlockedPeers(chat_pb2.ListBlockedPeersRequest()).peers
        assert [one.peer_id for one in listed] == [b.peer_id]
        stub.UnblockPeer(chat_pb2.UnblockPeerRequest(peer_id=b.peer_id))
        assert not stub.ListBlockedPeers(chat_pb2.ListBlockedPeersRequest()).peers
    b.connect(a)


def test_a_disconnected_peer_is_dialled_no_more_until_somebody_names_it(
    start_node: StartNode,
) -> None:
    a, b, c = start_node("a"), start_node("b"), start_node("c")
    with stub_of(b) as stub:
        stub.SetProfile(chat_pb2.SetProfileRequest(profile=chat_pb2.Profile(name="Bob")))
    a.connect(b)
    a.connect(c)
    wait_until(lambda: profiles_at(a), lambda known: b.peer_id in known)
    disconnect(a, b, forget=False)
    wait_until(lambda: not has_dialled(a, b))
    assert b.peer_id in profiles_at(a)
    a.restart()
    a.wait_peer(c)
    assert not has_dialled(a, b)
    b.kill()
    disconnect(a, b, forget=True)
    assert b.peer_id not in profiles_at(a)
    b.start()
    a.restart()
    a.wait_peer(c)
    assert not has_dialled(a, b)
    a.connect(b)
    with pytest.raises(grpc.RpcError) as caught:
        disconnect(a, a, forget=False)
    assert reason_of(caught.value) == "OWN_PEER_ID"


def has_dialled(node: NodeProcess, other: NodeProcess) -> bool:
    """Return whether a node is connected by a dial of its own; the other may dial it as well."""
    found = node.peers().get(other.peer_id)
    return found is not None and found.connection.direction == chat_pb2.DIRECTION_OUTBOUND


def disconnect(node: NodeProcess, other: NodeProcess, *, forget: bool) -> None:
    with stub_of(node) as stub:
        stub.DisconnectPeer(chat_pb2.DisconnectPeerRequest(peer_id=other.peer_id, forget=forget))


def profiles_at(node: NodeProcess) -> set[str]:
    with stub_of(node) as stub:
        return {one.peer_id for one in stub.ListProfiles(chat_pb2.ListProfilesRequest()).profiles}
