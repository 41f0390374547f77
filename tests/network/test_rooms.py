"""What nodes promise each other, shown with real processes over their API."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence

import grpc
import pytest
from google.rpc import code_pb2
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.fixtures import StartNode
from tests.driver.listener import EventListener
from tests.driver.node import NodeProcess
from tests.driver.waiting import wait_until

ROOM = "chat-room"


def connect_all(nodes: Sequence[NodeProcess]) -> None:
    """Connect each node to the one before and wait until all are in the room."""
    for one, other in itertools.pairwise(nodes):
        other.connect(one)
        one.wait_peer(other, ROOM)
        other.wait_peer(one, ROOM)


def publish_paced(node: NodeProcess, count: int, per_second: int) -> None:
    """Publish ``count`` messages over one stream, one every ``1 / per_second`` s."""

    def requests() -> Iterator[chat_pb2.PublishStreamRequest]:
        begin = time.monotonic()
        for number in range(count):
            time.sleep(max(0.0, begin + number / per_second - time.monotonic()))
            publish = chat_pb2.PublishRequest(text=f"{node.name} {number}")
            yield chat_pb2.PublishStreamRequest(publishes=[publish])

    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        for answer in stub.PublishStream(requests(), timeout=120):
            for result in answer.results:
                assert result.HasField("published"), result


def test_five_nodes_each_hear_all_thousand_messages_once_from_their_authors(
    start_node: StartNode,
) -> None:
    nodes = [start_node(f"n{number}") for number in range(5)]
    connect_all(nodes)
    with contextlib.ExitStack() as stack:
        listeners = [stack.enter_context(EventListener(node)) for node in nodes]
        with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
            list(pool.map(lambda node: publish_paced(node, 200, 20), nodes))
        heard = [listener.wait_messages(1000, timeout_s=60) for listener in listeners]
    authors = {node.name: node.peer_id for node in nodes}
    expected = {f"{name} {number}" for name in authors for number in range(200)}
    for messages in heard:
        assert Counter(message.text for message in messages) == Counter(expected)
        assert {message.author_id == authors[message.text.split()[0]] for message in messages} == {
            True
        }
    forwarded = {m.forwarder_id != m.author_id for messages in heard for m in messages}
    assert forwarded == {True, False}, "in a line of five some messages are forwarded"


def test_a_burst_of_a_thousand_calls_arrives_or_is_refused_by_name(
    node_pair: tuple[NodeProcess, NodeProcess],
) -> None:
    sender, receiver = node_pair
    with EventListener(receiver) as listener, sender.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        calls = [
            stub.Publish.future(chat_pb2.PublishRequest(text=str(number)), timeout=60)
            for number in range(1000)
        ]
        accepted = set()
        for number, call in enumerate(calls):
            if call.exception() is None:
                accepted.add(str(number))
            else:
                assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED, call.exception()
        assert accepted
        listener.wait_messages(len(accepted), timeout_s=60)
        assert Counter(listener.texts) == Counter(accepted)


def test_messages_after_a_quick_restart_with_the_same_key_arrive(
    node_pair: tuple[NodeProcess, NodeProcess],
) -> None:
    sender, receiver = node_pair
    peer_id = sender.peer_id
    with EventListener(receiver) as listener:
        publish_paced(sender, 100, 200)
        listener.wait_messages(100)
        sender.kill()
        sender.start()
        assert sender.peer_id == peer_id
        for number in range(100):
            sender.publish(f"again {number}")
        if receiver.peer_id not in sender.peers():
            sender.connect(receiver)
        listener.wait_messages(200, timeout_s=60)
        assert Counter(listener.texts) == Counter(
            [f"{sender.name} {number}" for number in range(100)]
            + [f"again {number}" for number in range(100)]
        )


def test_what_was_published_alone_waits_for_the_first_who_comes(start_node: StartNode) -> None:
    sender = start_node("early")
    answers = [sender.publish(f"waits {number}") for number in range(20)]
    assert {answer.recipients for answer in answers} == {0}
    receiver = start_node("late")
    with EventListener(receiver) as listener:
        receiver.connect(sender)
        listener.wait_messages(20)
        assert sorted(listener.texts) == sorted(f"waits {number}" for number in range(20))
        assert {message.author_id for message in listener.messages} == {sender.peer_id}


def test_a_repeated_client_message_id_gets_the_first_answer_and_is_sent_once(
    node_pair: tuple[NodeProcess, NodeProcess],
) -> None:
    sender, receiver = node_pair
    with EventListener(receiver) as listener:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            calls = [
                pool.submit(sender.publish, "once", client_message_id="same") for _ in range(8)
            ]
            answers = {call.result().message_id for call in calls}
        sender.publish("end")
        listener.wait_text("end")
    assert len(answers) == 1
    assert listener.texts == ["once", "end"]


def test_one_bad_publish_of_a_stream_is_refused_alone(node: NodeProcess) -> None:
    publishes = [
        chat_pb2.PublishRequest(text="good", client_message_id="1"),
        chat_pb2.PublishRequest(text="", client_message_id="2"),
        chat_pb2.PublishRequest(text="x" * 40_000, client_message_id="3"),
        chat_pb2.PublishRequest(room="elsewhere", text="lost", client_message_id="4"),
        chat_pb2.PublishRequest(data=b"\xff\x00", client_message_id="5"),
    ]
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        request = chat_pb2.PublishStreamRequest(publishes=publishes)
        results = [
            result
            for answer in stub.PublishStream(iter([request]), timeout=30)
            for result in answer.results
        ]
    assert [result.client_message_id for result in results] == ["1", "2", "3", "4", "5"]
    assert [result.error.code for result in results] == [
        code_pb2.OK,
        code_pb2.INVALID_ARGUMENT,
        code_pb2.OUT_OF_RANGE,
        code_pb2.FAILED_PRECONDITION,
        code_pb2.OK,
    ]


def test_rooms_joined_and_left_survive_a_restart(node: NodeProcess) -> None:
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        stub.JoinRoom(chat_pb2.JoinRoomRequest(room="den"), timeout=30)
        stub.LeaveRoom(chat_pb2.LeaveRoomRequest(room=ROOM), timeout=30)
    node.kill()
    node.start()
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        rooms = stub.ListRooms(chat_pb2.ListRoomsRequest(), timeout=30).rooms
    assert [room.name for room in rooms] == ["den"]


def test_rooms_are_apart_and_arrivals_are_told(
    node_pair: tuple[NodeProcess, NodeProcess],
) -> None:
    one, other = node_pair
    with EventListener(one) as listener, other.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        with one.open_channel() as own:
            request = chat_pb2.JoinRoomRequest(room="den")
            chat_pb2_grpc.ChatServiceStub(own).JoinRoom(request, timeout=30)
        stub.JoinRoom(chat_pb2.JoinRoomRequest(room="den"), timeout=30)
        listener.wait_events(
            lambda events: any(
                (event.peer_joined.room, event.peer_joined.peer_id) == ("den", other.peer_id)
                for event in events
            )
        )
        with EventListener(one, rooms=["den"]) as den:
            other.publish("to all")
            other.publish("to few", room="den")
            den.wait_text("to few")
            listener.wait_text("to all")
            assert den.texts == ["to few"]
        stub.LeaveRoom(chat_pb2.LeaveRoomRequest(room="den"), timeout=30)
        listener.wait_events(lambda events: any(event.peer_left.room == "den" for event in events))
        other.kill()
        listener.wait_events(
            lambda events: any(event.peer_disconnected.peer_id == other.peer_id for event in events)
        )
    names = [event.WhichOneof("event") for event in listener.events]
    assert names[0] == "snapshot"
    assert names.index("peer_joined") < names.index("peer_left") < len(names)


def test_a_lost_peer_is_dialled_again_and_chats_on(
    node_pair: tuple[NodeProcess, NodeProcess],
) -> None:
    a, b = node_pair
    a.kill()
    wait_until(b.peers, lambda peers: not peers)
    a.start()
    b.wait_peer(a, ROOM, timeout_s=60)
    a.wait_peer(b, ROOM)
    with EventListener(b) as listener:
        a.publish("back")
        listener.wait_text("back")


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_messages_are_paged_both_ways(node: NodeProcess, limit: int) -> None:
    for number in range(20):
        node.publish(str(number))
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        backwards: list[str] = []
        request = chat_pb2.ListMessagesRequest(limit=limit)
        while True:
            page = stub.ListMessages(request, timeout=30)
            backwards[:0] = [event.message.text for event in page.messages]
            if not page.next_cursor:
                break
            request = chat_pb2.ListMessagesRequest(limit=limit, before=page.next_cursor)
        forwards: list[str] = []
        request = chat_pb2.ListMessagesRequest(limit=limit, after="")
        while True:
            page = stub.ListMessages(request, timeout=30)
            forwards += [event.message.text for event in page.messages]
            if not page.next_cursor:
                break
            request = chat_pb2.ListMessagesRequest(limit=limit, after=page.next_cursor)
    assert backwards == forwards == [str(number) for number in range(20)]
