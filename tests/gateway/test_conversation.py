from __future__ import annotations

import signal
import threading
import time

import httpx
import pytest

from tests.driver import EventListener, GatewayProcess, NodeProcess
from tests.driver.fixtures import StartGateway, StartNode
from tests.gateway.client import Client


def test_a_line_typed_in_one_page_is_read_in_the_other(
    gateway_pair: tuple[GatewayProcess, GatewayProcess],
    node_pair: tuple[NodeProcess, NodeProcess],
) -> None:
    a, b = gateway_pair
    with Client(a.ws_url) as alice, Client(b.ws_url) as bob:
        alice.hello()
        snapshot = bob.hello()
        assert [peer["peer_id"] for peer in snapshot["peers"]] == [node_pair[0].peer_id]
        ack = alice.ask("publish", room="chat-room", text="hello, Bob", client_message_id="m-1")
        heard = bob.wait_text("hello, Bob")
        assert heard["message_id"] == ack["message_id"]
        assert heard["author_id"] == node_pair[0].peer_id
        assert heard["delivery"] == "live"
        assert "client_message_id" not in heard
        own = alice.wait_text("hello, Bob")
        assert (own["cursor"], own["client_message_id"]) == (ack["cursor"], "m-1")
        assert ack["recipients"] == 1


def test_bytes_that_are_no_text_come_in_base64(gateway: GatewayProcess, node: NodeProcess) -> None:
    from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

    with Client(gateway.ws_url) as client, node.open_channel() as channel:
        client.hello()
        request = chat_pb2.PublishRequest(data=b"\xff\x00")
        chat_pb2_grpc.ChatServiceStub(channel).Publish(request, timeout=30)
        heard = client.wait_frame(lambda frame: frame["type"] == "message")
        assert (heard["data"], "text" in heard) == ("/wA=", False)


def test_the_same_publish_twice_is_sent_once(gateway: GatewayProcess, node: NodeProcess) -> None:
    with EventListener(node) as listener, Client(gateway.ws_url) as client:
        first = client.ask("publish", text="once", client_message_id="same")
        second = client.ask("publish", text="once", client_message_id="same")
        assert second["message_id"] == first["message_id"]
        client.ask("publish", text="end")
        listener.wait_text("end")
        assert listener.texts == ["once", "end"]


def test_equal_ids_of_two_browsers_are_two_messages(gateway: GatewayProcess) -> None:
    with Client(gateway.ws_url) as one, Client(gateway.ws_url) as two:
        two.hello()
        one.say("publish", id=1, text="from one")
        two.say("publish", id=1, text="from two")
        two.wait_text("from one")
        two.wait_text("from two")


@pytest.mark.parametrize(
    ("kind", "fields", "expected"),
    [
        ("publish", {"text": ""}, ("INVALID_ARGUMENT", "EMPTY_MESSAGE")),
        ("publish", {"text": "x" * 32_769}, ("OUT_OF_RANGE", "MESSAGE_TOO_LARGE")),
        ("publish", {"text": "x", "room": "nowhere"}, ("FAILED_PRECONDITION", "ROOM_NOT_JOINED")),
        ("publish", {"text": "x", "room": "a\nb"}, ("INVALID_ARGUMENT", "INVALID_ROOM")),
        ("connect", {"address": "nonsense"}, ("INVALID_ARGUMENT", "INVALID_ADDRESS")),
        ("publish", {"text": "x", "room": " a"}, ("INVALID_ARGUMENT", "INVALID_ROOM")),
        ("create_invite", {"room": "nowhere"}, ("FAILED_PRECONDITION", "ROOM_NOT_JOINED")),
        ("accept_invite", {"invite": "nonsense"}, ("INVALID_ARGUMENT", "INVALID_INVITE")),
        ("join", {"room": "a\x00"}, ("INVALID_ARGUMENT", "INVALID_ROOM")),
        ("join", {"room": "a "}, ("INVALID_ARGUMENT", "INVALID_ROOM")),
        ("leave", {"room": " a"}, ("INVALID_ARGUMENT", "INVALID_ROOM")),
        ("history", {"room": "a\u3000"}, ("INVALID_ARGUMENT", "INVALID_ROOM")),
        ("history", {"before": "nonsense"}, ("INVALID_ARGUMENT", "INVALID_CURSOR")),
        ("shout", {}, ("INVALID_ARGUMENT", "UNKNOWN_TYPE")),
    ],
)
def test_what_cannot_be_done_is_refused_by_name_and_the_connection_stays(
    gateway: GatewayProcess, kind: str, fields: dict[str, str], expected: tuple[str, str]
) -> None:
    with Client(gateway.ws_url) as client:
        answer = client.ask(kind, **fields)
        assert (answer["type"], answer["code"], answer["reason"]) == ("error", *expected)
        assert client.ask("publish", text="still here")["type"] == "ack"


def test_rooms_are_joined_left_and_heard(gateway: GatewayProcess) -> None:
    with Client(gateway.ws_url) as everything, Client(gateway.ws_url) as cats_only:
        everything.hello()
        assert everything.ask("join", room="cats")["room"]["name"] == "cats"
        changed = everything.wait_frame(lambda frame: frame["type"] == "node_changed")
        assert changed["node"]["rooms"] == ["cats", "chat-room"]
        cats_only.hello(rooms=("cats",))
        everything.ask("publish", text="about dogs")
        everything.ask("publish", room="cats", text="about cats")
        everything.wait_text("about cats")
        cats_only.wait_text("about cats")
        assert cats_only.texts == ["about cats"]
        assert everything.ask("leave", room="cats")["type"] == "ack"
        refused = everything.ask("publish", room="cats", text="x")
        assert refused["reason"] == "ROOM_NOT_JOINED"


def test_history_goes_back_page_by_page(gateway: GatewayProcess) -> None:
    with Client(gateway.ws_url) as client:
        for number in range(7):
            client.ask("publish", text=str(number))
        newest = client.ask("history", room="chat-room", before=None, limit=3)
        older = client.ask("history", room="chat-room", before=newest["next_cursor"], limit=3)
        oldest = client.ask("history", room="chat-room", before=older["next_cursor"], limit=3)
        pages = [[one["text"] for one in page["messages"]] for page in (newest, older, oldest)]
        assert pages == [["4", "5", "6"], ["1", "2", "3"], ["0"]]
        assert oldest["next_cursor"] is None


def test_connect_brings_a_peer_and_its_going_is_told(
    start_node: StartNode, start_gateway: StartGateway
) -> None:
    a, b = start_node("a"), start_node("b")
    gateway = start_gateway(a)
    gateway.wait_node_reachable()
    with Client(gateway.ws_url) as client:
        client.hello()
        answer = client.ask("connect", address=b.address)
        assert answer["peer"]["peer_id"] == b.peer_id
        client.wait_frame(lambda frame: frame["type"] == "peer_connected")
        joined = client.wait_frame(lambda frame: frame["type"] == "peer_joined")
        assert (joined["peer_id"], joined["room"]) == (b.peer_id, "chat-room")
        b.stop(timeout_s=20)
        gone = client.wait_frame(lambda frame: frame["type"] == "peer_disconnected")
        assert gone["peer_id"] == b.peer_id


def test_an_invite_of_one_browser_is_accepted_by_another(
    start_node: StartNode, start_gateway: StartGateway
) -> None:
    a, b = start_node("a"), start_node("b")
    ours, theirs = start_gateway(a), start_gateway(b)
    ours.wait_node_reachable()
    theirs.wait_node_reachable()
    with Client(ours.ws_url) as maker, Client(theirs.ws_url) as guest:
        maker.ask("join", room="garden")
        invite = maker.ask("create_invite", room="garden")["invite"]
        accepted = guest.ask("accept_invite", invite=invite)
        assert accepted["room"]["name"] == "garden"
        assert accepted["peer"]["peer_id"] == a.peer_id
        assert accepted["peer"]["connection"]["kind"] == "direct"
        assert accepted["failure"] == ""
    again = ours.post("/api/invites", {"room": "garden"}).json()["invite"]
    assert theirs.post("/api/invites/accept", {"invite": again}).json()["room"]["name"] == "garden"


def test_a_browser_that_was_away_misses_nothing_while_the_gateway_restarts(
    gateway: GatewayProcess, node: NodeProcess
) -> None:
    with Client(gateway.ws_url) as client:
        client.hello()
        client.ask("publish", text="before")
        client.wait_text("before")
        cursor = client.cursor
    gateway.kill()
    for number in range(20):
        node.publish(f"missed {number}")
    gateway.restart()
    gateway.wait_node_reachable()
    with Client(gateway.ws_url) as client:
        client.hello(after=cursor)
        client.wait_text("missed 19")
        node.publish("live")
        client.wait_text("live")
        assert client.texts == [*(f"missed {number}" for number in range(20)), "live"]


def test_a_node_that_goes_away_is_told_within_two_seconds_and_its_return_too(
    gateway: GatewayProcess, node: NodeProcess
) -> None:
    with Client(gateway.ws_url) as client:
        client.hello()
        client.ask("publish", text="before")
        client.wait_text("before")
        node.kill()
        killed_at_s = time.monotonic()
        client.wait_frame(lambda frame: frame == {"type": "node_state", "state": "away"})
        assert time.monotonic() - killed_at_s < 2.0
        assert gateway.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE
        assert gateway.get("/healthz").status_code == httpx.codes.OK
        refused = client.ask("publish", text="nobody hears this")
        assert (refused["code"], refused["reason"]) == ("UNAVAILABLE", "NODE_AWAY")
        with Client(gateway.ws_url) as other:
            other.hello()
            other.wait_frame(lambda frame: frame == {"type": "node_state", "state": "away"})
        node.restart()
        client.wait_frame(lambda frame: frame == {"type": "node_state", "state": "ready"})
        gateway.wait_node_reachable()
        assert client.ask("publish", text="after")["type"] == "ack"
        client.wait_text("after")


def test_a_node_that_hangs_is_away_within_two_seconds_and_what_was_missed_follows(
    gateway: GatewayProcess, node: NodeProcess
) -> None:
    with Client(gateway.ws_url) as client:
        client.hello()
        node.signal(signal.SIGSTOP)
        stopped_at_s = time.monotonic()
        try:
            client.wait_frame(lambda frame: frame.get("state") == "away")
            assert time.monotonic() - stopped_at_s < 2.0
        finally:
            node.signal(signal.SIGCONT)
        client.wait_frame(lambda frame: frame.get("state") == "ready")
        assert client.ask("publish", text="awake")["type"] == "ack"
        assert client.frames[0]["type"] == "snapshot"


def test_a_gateway_that_starts_before_its_node_serves_the_page_and_waits(
    start_node: StartNode, start_gateway: StartGateway
) -> None:
    node = start_node("a")
    node.stop(timeout_s=20)
    gateway = start_gateway(node)
    assert gateway.get("/").status_code == httpx.codes.OK
    with Client(gateway.ws_url) as client:
        client.say("hello", after=None)
        client.wait_frame(lambda frame: frame.get("state") == "away")
        node.restart()
        client.wait_frame(lambda frame: frame["type"] == "snapshot")
        assert client.ask("publish", text="x")["type"] == "ack"


def test_a_burst_of_2000_is_all_acknowledged_in_order_and_read_once_by_the_other_page(
    node_pair: tuple[NodeProcess, NodeProcess], start_gateway: StartGateway
) -> None:
    a = start_gateway(node_pair[0], "gw-a", message_rate=100_000, message_burst=100_000)
    b = start_gateway(node_pair[1], "gw-b")
    a.wait_node_reachable()
    b.wait_node_reachable()
    with Client(a.ws_url) as alice, Client(b.ws_url) as bob:
        bob.hello()
        reading = threading.Thread(target=bob.wait_text, args=("1999",), daemon=True)
        reading.start()
        for number in range(2000):
            alice.say("publish", id=number, text=str(number))
        alice.wait_frame(lambda _: len(alice.answers) == 2000)
        assert sorted(one["id"] for one in alice.answers) == list(range(2000))
        refused = {one["reason"] for one in alice.answers if one["type"] == "error"}
        assert refused <= {"PUBLISH_RATE", "SEND_QUEUE_FULL"}
        accepted = [str(one["id"]) for one in alice.frames if one["type"] == "ack"]
        assert accepted == sorted(accepted, key=int)
        if accepted[-1] != "1999":
            alice.ask("publish", text="1999")
        reading.join(60)
        assert not reading.is_alive()
        assert [text for text in bob.texts if text in set(accepted)] == accepted


def test_a_burst_over_the_rate_is_refused_by_name_and_the_rest_arrives(
    gateway: GatewayProcess,
) -> None:
    with Client(gateway.ws_url) as client:
        client.hello()
        for number in range(2000):
            client.say("publish", id=number, text=str(number))
        client.wait_frame(lambda _: len(client.answers) == 2000)
        answers = client.answers
        assert sorted(frame["id"] for frame in answers) == list(range(2000))
        refused = [frame for frame in answers if frame["type"] == "error"]
        assert {frame["reason"] for frame in refused} == {"CLIENT_RATE"}
        assert all(frame["retry_after_ms"] > 0 for frame in refused)
        accepted = {str(frame["id"]) for frame in answers if frame["type"] == "ack"}
        assert len(accepted) >= 99
        for text in accepted:
            client.wait_text(text)
        assert sorted(client.texts) == sorted(accepted)
