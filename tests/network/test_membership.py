"""Many callers that join and leave rooms of one real node at once."""

from __future__ import annotations

import concurrent.futures
import random

import grpc
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.fixtures import StartNode
from tests.driver.listener import EventListener
from tests.driver.node import NodeProcess
from tests.driver.waiting import wait_until

CALLERS = 8
CALLS_EACH = 75
REFUSALS = {grpc.StatusCode.FAILED_PRECONDITION}
"""What a caller that publishes into a room that another one just left is answered."""


def join_and_leave(node: NodeProcess, rooms: list[str], seed: int) -> None:
    """Join, publish to and leave rooms in any order; each call is answered or refused by name."""
    chance = random.Random(seed)
    with node.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        for number in range(CALLS_EACH):
            room = chance.choice(rooms)
            try:
                match chance.randrange(9):
                    case 0 | 1 | 2 | 3:
                        stub.JoinRoom(chat_pb2.JoinRoomRequest(room=room), timeout=30)
                    case 4 | 5 | 6 | 7:
                        stub.LeaveRoom(chat_pb2.LeaveRoomRequest(room=room), timeout=30)
                    case _:
                        text = f"{seed} {number}"
                        request = chat_pb2.PublishRequest(room=room, text=text)
                        stub.Publish(request, timeout=30)
            except grpc.RpcError as error:
                if error.code() not in REFUSALS:
                    raise


def storm(node: NodeProcess, rooms: list[str]) -> None:
    with concurrent.futures.ThreadPoolExecutor(CALLERS) as pool:
        list(pool.map(lambda seed: join_and_leave(node, rooms, seed), range(CALLERS)))


def listed(node: NodeProcess) -> set[str]:
    with node.open_channel() as channel:
        answer = chat_pb2_grpc.ChatServiceStub(channel).ListRooms(
            chat_pb2.ListRoomsRequest(), timeout=30
        )
    return {room.name for room in answer.rooms}


def told(node: NodeProcess) -> set[str]:
    with node.open_channel() as channel:
        answer = chat_pb2_grpc.ChatServiceStub(channel).GetNode(
            chat_pb2.GetNodeRequest(), timeout=30
        )
    return set(answer.node.rooms)


def call(node: NodeProcess, method: str, room: str) -> None:
    with node.open_channel() as channel:
        request = getattr(chat_pb2, f"{method}Request")(room=room)
        getattr(chat_pb2_grpc.ChatServiceStub(channel), method)(request, timeout=30)


def test_callers_that_join_and_leave_one_room_at_once_leave_the_node_well(
    start_node: StartNode,
) -> None:
    a, b = start_node("a", sync_interval_s=1), start_node("b", sync_interval_s=1)
    b.connect(a)
    for node in (a, b):
        call(node, "JoinRoom", "lobby")
        node.publish("before", "lobby")
    a.wait_peer(b, "lobby")
    storm(a, ["lobby"])
    call(a, "JoinRoom", "lobby")
    assert "lobby" in listed(a)
    a.wait_peer(b, "lobby")
    with EventListener(b) as listener:
        wait_until(lambda: a.publish("after", "lobby").recipients, lambda count: count == 1)
        listener.wait_text("after")
    call(a, "LeaveRoom", "lobby")
    wait_until(lambda: b.peers("lobby"), lambda peers: a.peer_id not in peers)


def test_a_storm_over_several_rooms_ends_as_it_is_listed_also_after_a_kill(
    start_node: StartNode,
) -> None:
    node = start_node("a")
    rooms = [f"room {number}" for number in range(3)]
    storm(node, rooms)
    call(node, "JoinRoom", rooms[0])
    call(node, "LeaveRoom", rooms[1])
    before = listed(node)
    assert {rooms[0], rooms[1]} & before == {rooms[0]}
    wait_until(lambda: told(node), lambda rooms_told: rooms_told == before)
    node.kill()
    node.start()
    assert listed(node) == before
