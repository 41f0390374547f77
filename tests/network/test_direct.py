"""Messages from one node to one other: once, to nobody else, also to a node that is away."""

from __future__ import annotations

from functools import partial

import grpc
import pytest
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import EventListener, NodeProcess
from tests.driver.direct import direct_page, send_direct
from tests.driver.fixtures import StartNode
from tests.driver.waiting import wait_until
from tests.network.test_relay import ELSEWHERE, STAYING, connect, relayed_address


def test_direct_message_arrives_at_its_recipient_and_nowhere_else(start_node: StartNode) -> None:
    ann, bob, eve = (start_node(name) for name in ("ann", "bob", "eve"))
    ann.connect(bob)
    for node in (ann, bob):
        eve.connect(node)
        eve.wait_peer(node, "chat-room")
    with EventListener(ann) as at_ann, EventListener(bob) as at_bob, EventListener(eve) as at_eve:
        sent = send_direct(ann, bob.peer_id, "for bob")
        send_direct(bob, ann.peer_id, "for ann")
        ann.publish("for all")
        for listener in (at_ann, at_bob):
            for text in ("for bob", "for ann", "for all"):
                listener.wait_text(text)
        at_eve.wait_text("for all")
        received = at_bob.wait_text("for bob")
        own = at_ann.wait_text("for bob")
        assert at_eve.texts == ["for all"]
    assert (received.message_id, own.message_id) == (sent.message_id, sent.message_id)
    assert (received.room, received.peer_id, received.author_id) == ("", ann.peer_id, ann.peer_id)
    assert (own.room, own.peer_id, own.author_id) == ("", bob.peer_id, ann.peer_id)
    texts = [message.text for message in direct_page(bob, ann.peer_id)]
    assert sorted(texts) == ["for ann", "for bob"]
    assert room_texts(bob) == ["for all"]


def test_node_that_was_away_gets_each_once_and_in_order(start_node: StartNode) -> None:
    ann, bob = start_node("ann"), start_node("bob")
    ann.connect(bob)
    ann.wait_peer(bob, "chat-room")
    bob.stop()
    numbers = [str(number) for number in range(200)]
    for number in numbers[:100]:
        send_direct(ann, bob.peer_id, number)
    ann.kill()
    ann.start()
    for number in numbers[100:]:
        send_direct(ann, bob.peer_id, number)
    bob.start()
    with EventListener(bob, after="") as at_bob:
        at_bob.wait_messages(len(numbers))
        assert at_bob.texts == numbers
        bob.restart()
    send_direct(ann, bob.peer_id, "last")
    wait_until(lambda: direct_texts(bob, ann), lambda texts: texts == [*numbers, "last"])


def test_direct_message_goes_through_a_relay(start_node: StartNode) -> None:
    relay = start_node("relay", relay_service="on", rooms=ELSEWHERE)
    hidden = start_node("hidden", listen="none", relays=relay.address, **STAYING)
    caller = start_node("caller", listen="none", **STAYING)
    connect(caller, relayed_address(hidden, relay))
    send_direct(caller, hidden.peer_id, "one way")
    wait_until(partial(direct_texts, hidden, caller), ["one way"].__eq__)
    send_direct(hidden, caller.peer_id, "and back")
    wait_until(partial(direct_texts, caller, hidden), ["one way", "and back"].__eq__)


def test_direct_messages_come_to_readers_of_all_rooms_only(start_node: StartNode) -> None:
    ann, bob = start_node("ann"), start_node("bob")
    ann.connect(bob)
    ann.wait_peer(bob, "chat-room")
    bob.wait_peer(ann, "chat-room")
    with EventListener(bob, rooms=("chat-room",)) as of_room, EventListener(bob) as of_all:
        send_direct(ann, bob.peer_id, "for bob")
        of_all.wait_text("for bob")
        ann.publish("for all")
        of_room.wait_text("for all")
        assert of_room.texts == ["for all"]


@pytest.mark.parametrize(
    ("peer_id", "reason"),
    [("", "INVALID_PEER_ID"), ("nobody", "INVALID_PEER_ID"), (None, "DIRECT_TO_SELF")],
)
def test_what_cannot_be_a_recipient_is_refused_by_name(
    start_node: StartNode, peer_id: str | None, reason: str
) -> None:
    node = start_node("ann")
    with pytest.raises(grpc.RpcError, match=r"peer") as refused:
        send_direct(node, node.peer_id if peer_id is None else peer_id, "x")
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason in str(refused.value.trailing_metadata())


def test_a_repeated_call_sends_once_and_another_one_is_refused(start_node: StartNode) -> None:
    ann, bob = start_node("ann"), start_node("bob")
    first = send_direct(ann, bob.peer_id, "once", "c1")
    assert send_direct(ann, bob.peer_id, "once", "c1") == first
    ann.restart()
    assert send_direct(ann, bob.peer_id, "once", "c1") == first
    with pytest.raises(grpc.RpcError, match="client_message_id"):
        send_direct(ann, bob.peer_id, "other", "c1")
    with pytest.raises(grpc.RpcError, match="client_message_id"):
        ann.publish("once", client_message_id="c1")
    assert direct_texts(ann, bob) == ["once"]


def direct_texts(node: NodeProcess, other: NodeProcess) -> list[str]:
    return [message.text for message in direct_page(node, other.peer_id, 1000)]


def room_texts(node: NodeProcess) -> list[str]:
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        page = stub.ListMessages(chat_pb2.ListMessagesRequest(), timeout=30)
    return [event.message.text for event in page.messages]


def test_a_peer_never_met_waits_until_it_is_accepted(start_node: StartNode) -> None:
    ann, bob = start_node("ann", rooms="here"), start_node("bob", rooms="elsewhere")
    ann.connect(bob)
    for text in ("one", "two"):
        send_direct(ann, bob.peer_id, text)
    with bob.open_channel() as channel, EventListener(bob) as at_bob:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        look = partial(stub.ListDirectRequests, chat_pb2.ListDirectRequestsRequest(), timeout=30)
        (request,) = wait_until(
            lambda: list(look().requests), lambda found: [len(one.messages) for one in found] == [2]
        )
        assert request.peer_id == ann.peer_id
        assert [message.text for message in request.messages] == ["one", "two"]
        assert direct_texts(bob, ann) == at_bob.texts == []
        answer = stub.AcceptDirect(chat_pb2.AcceptDirectRequest(peer_id=ann.peer_id), timeout=30)
        assert answer.message_count == 2
        send_direct(ann, bob.peer_id, "three")
        at_bob.wait_text("three")
        assert at_bob.texts == ["one", "two", "three"]
        assert not look().requests


def test_a_declined_peer_is_heard_no_more(start_node: StartNode) -> None:
    ann, bob = start_node("ann", rooms="here"), start_node("bob", rooms="elsewhere")
    ann.connect(bob)
    send_direct(ann, bob.peer_id, "one")
    with bob.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        look = partial(stub.ListDirectRequests, chat_pb2.ListDirectRequestsRequest(), timeout=30)
        wait_until(lambda: list(look().requests))
        stub.DeclineDirect(chat_pb2.DeclineDirectRequest(peer_id=ann.peer_id), timeout=30)
        assert not look().requests
        send_direct(bob, ann.peer_id, "now I write")
        wait_until(partial(direct_texts, ann, bob), lambda texts: "now I write" in texts)
        send_direct(ann, bob.peer_id, "welcome again")
        wait_until(partial(direct_texts, bob, ann), lambda texts: "welcome again" in texts)
    assert "one" not in direct_texts(bob, ann)
