"""Messages to one peer at both doors of the gateway: frames of /ws, and REST."""

from __future__ import annotations

import httpx
import pytest

from tests.driver import GatewayProcess, NodeProcess
from tests.driver.direct import send_direct
from tests.driver.fixtures import StartGateway, StartNode
from tests.driver.waiting import wait_until
from tests.gateway.client import Client
from tests.gateway.test_frames_documented import assert_documented

NOBODY = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"


def test_a_direct_message_goes_from_page_to_page(
    gateway_pair: tuple[GatewayProcess, GatewayProcess],
    node_pair: tuple[NodeProcess, NodeProcess],
) -> None:
    ann, bob = node_pair
    at_ann, at_bob = gateway_pair
    with (
        Client(at_ann.ws_url) as writer,
        Client(at_bob.ws_url) as reader,
        Client(at_bob.ws_url) as in_room,
    ):
        for client in (writer, reader):
            client.hello()
        in_room.hello(rooms=("chat-room",))
        ack = writer.ask("publish", peer_id=bob.peer_id, text="for bob", client_message_id="1")
        again = writer.ask("publish", peer_id=bob.peer_id, text="for bob", client_message_id="1")
        frame = reader.wait_text("for bob")
        own = writer.wait_text("for bob")
        assert_documented(frame)
        assert ack["type"] == "ack"
        assert frame["message_id"] == own["message_id"] == ack["message_id"] == again["message_id"]
        assert (frame["peer_id"], own["peer_id"]) == (ann.peer_id, bob.peer_id)
        assert "room" not in frame
        assert own["client_message_id"] == "1"
        page = reader.ask("history", peer_id=ann.peer_id)
        assert [one["text"] for one in page["messages"]] == ["for bob"]
        assert page["next_cursor"] is None
        writer.ask("publish", room="chat-room", text="for all")
        in_room.wait_text("for all")
        assert in_room.texts == ["for all"]
        later = Client(at_bob.ws_url)
        with later:
            later.hello(after="")
            later.wait_text("for all")
            assert later.texts == ["for bob", "for all"]


def test_curl_can_write_to_one_peer(
    gateway_pair: tuple[GatewayProcess, GatewayProcess],
    node_pair: tuple[NodeProcess, NodeProcess],
) -> None:
    ann, bob = node_pair
    at_ann, at_bob = gateway_pair
    path = f"/api/peers/{bob.peer_id}/messages"
    sent = [at_ann.post(path, {"text": str(number)}) for number in range(3)]
    assert {one.status_code for one in sent} == {httpx.codes.CREATED}
    with Client(at_bob.ws_url) as reader:
        reader.hello(after="")
        reader.wait_text("2")
    newest = at_bob.get(f"/api/peers/{ann.peer_id}/messages?limit=2").json()
    assert [one["text"] for one in newest["messages"]] == ["1", "2"]
    before = newest["next_cursor"]
    older = at_bob.get(f"/api/peers/{ann.peer_id}/messages?before={before}").json()
    assert [one["text"] for one in older["messages"]] == ["0"]
    assert at_bob.get("/api/rooms/chat-room/messages").json()["messages"] == []


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"peer_id": "nobody", "text": "x"}, "INVALID_PEER_ID"),
        ({"peer_id": NOBODY, "room": "chat-room", "text": "x"}, "INVALID_CONVERSATION"),
        ({"peer_id": NOBODY, "text": ""}, "EMPTY_MESSAGE"),
        ({"peer_id": NOBODY, "text": "x" * 40_000}, "MESSAGE_TOO_LARGE"),
    ],
)
def test_what_cannot_be_sent_is_refused_by_name(
    shared_gateway: GatewayProcess, fields: dict[str, str], reason: str
) -> None:
    with Client(shared_gateway.ws_url) as client:
        client.hello()
        answer = client.ask("publish", **fields)
    assert (answer["type"], answer["reason"]) == ("error", reason)


def test_writing_to_oneself_is_refused_at_both_doors(shared_gateway: GatewayProcess) -> None:
    own_id = shared_gateway.get("/api/node").json()["peer_id"]
    answer = shared_gateway.post(f"/api/peers/{own_id}/messages", {"text": "x"})
    assert (answer.status_code, answer.json()["reason"]) == (400, "DIRECT_TO_SELF")
    answer = shared_gateway.get("/api/peers/nobody/messages")
    assert (answer.status_code, answer.json()["reason"]) == (400, "INVALID_PEER_ID")


def test_what_waits_is_accepted_and_declined_at_both_doors(
    start_node: StartNode, start_gateway: StartGateway
) -> None:
    ann, eve = (start_node(name, rooms=f"of-{name}") for name in ("ann", "eve"))
    bob = start_node("bob", rooms="of-bob")
    gateway = start_gateway(bob)
    gateway.wait_node_reachable()
    for stranger in (ann, eve):
        stranger.connect(bob)
        send_direct(stranger, bob.peer_id, f"from {stranger.name}")
    with Client(gateway.ws_url) as page:
        page.hello()
        requests = wait_until(
            lambda: page.ask("list_direct_requests")["requests"], lambda found: len(found) == 2
        )
        for frame in page.frames:
            assert_documented(frame)
        over_http = gateway.get("/api/direct-requests").json()["requests"]
        assert over_http == requests
        texts = {
            one["peer_id"]: [message["text"] for message in one["messages"]] for one in requests
        }
        assert texts == {ann.peer_id: ["from ann"], eve.peer_id: ["from eve"]}
        assert page.ask("accept_direct", peer_id=ann.peer_id)["message_count"] == 1
        assert page.wait_text("from ann")["peer_id"] == ann.peer_id
        path = f"/api/direct-requests/{eve.peer_id}"
        assert httpx.delete(f"{gateway.url}{path}", timeout=30).status_code == 204
        assert httpx.put(f"{gateway.url}{path}", timeout=30).json()["reason"] == "NO_REQUEST"
        answer = page.ask("decline_direct", peer_id=eve.peer_id)
        assert (answer["type"], answer["reason"]) == ("error", "NO_REQUEST")
        assert page.texts == ["from ann"]
