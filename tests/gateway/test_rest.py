from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from tests.driver import GatewayProcess, NodeProcess

NOBODY = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def test_the_node_and_its_peers_are_told(
    gateway_pair: tuple[GatewayProcess, GatewayProcess],
    node_pair: tuple[NodeProcess, NodeProcess],
) -> None:
    node = gateway_pair[0].get("/api/node").json()
    assert node["peer_id"] == node_pair[0].peer_id
    assert node["addresses"] == list(node_pair[0].addresses)
    assert node["rooms"] == ["chat-room"]
    assert TIME.fullmatch(node["start_time"])
    assert node["storage"] == {"state": "ok", "failure": "", "damages": []}
    (peer,) = gateway_pair[0].get("/api/peers?room=chat-room").json()["peers"]
    assert peer["peer_id"] == node_pair[1].peer_id
    assert peer["connection"]["kind"] == "direct"
    assert TIME.fullmatch(peer["connection"]["open_time"])


def test_curl_can_chat(gateway: GatewayProcess, node: NodeProcess) -> None:
    answer = gateway.post("/api/rooms/chat-room/messages", {"text": "hi", "client_message_id": "1"})
    assert answer.status_code == httpx.codes.CREATED
    published = answer.json()
    again = gateway.post("/api/rooms/chat-room/messages", {"text": "hi", "client_message_id": "1"})
    assert again.json()["message_id"] == published["message_id"]
    (message,) = gateway.get("/api/rooms/chat-room/messages").json()["messages"]
    assert (message["text"], message["message_id"]) == ("hi", published["message_id"])
    assert message["author_id"] == node.peer_id
    assert gateway.get("/api/rooms").json() == {
        "rooms": [{"name": "chat-room", "peer_count": 0, "message_count": 1, "is_muted": False}],
        "next_page_token": None,
    }


def test_messages_are_paged_both_ways(gateway: GatewayProcess) -> None:
    for number in range(5):
        gateway.post("/api/rooms/chat-room/messages", {"text": str(number)})
    path = "/api/rooms/chat-room/messages"
    newest = gateway.get(f"{path}?limit=2").json()
    assert [one["text"] for one in newest["messages"]] == ["3", "4"]
    older = gateway.get(f"{path}?limit=2&before={newest['next_cursor']}").json()
    assert [one["text"] for one in older["messages"]] == ["1", "2"]
    later = gateway.get(f"{path}?after={older['messages'][0]['cursor']}").json()
    assert [one["text"] for one in later["messages"]] == ["2", "3", "4"]


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"),
    [
        ("POST", "rooms/nowhere/messages", {"text": "x"}, (409, "ROOM_NOT_JOINED", "room")),
        ("GET", "rooms/nowhere/messages", None, (409, "ROOM_NOT_JOINED", "room")),
        ("GET", "peers?room=nowhere", None, (409, "ROOM_NOT_JOINED", "room")),
        ("POST", "rooms/%20nowhere/messages", {"text": "x"}, (400, "INVALID_ROOM", "room")),
        ("GET", "rooms/nowhere%20/messages", None, (400, "INVALID_ROOM", "room")),
        ("GET", "peers?room=%20nowhere", None, (400, "INVALID_ROOM", "room")),
        ("PUT", "rooms/%E3%80%80nowhere", None, (400, "INVALID_ROOM", "room")),
        ("DELETE", "rooms/nowhere%20", None, (400, "INVALID_ROOM", "room")),
        ("POST", "rooms/chat-room/messages", {"text": ""}, (400, "EMPTY_MESSAGE", "text")),
        ("POST", "rooms/chat-room/messages", {"text": "x" * 40_000}, (413, "MESSAGE_TOO_LARGE", 0)),
        ("POST", "rooms/chat-room/messages", {"text": 5}, (400, "INVALID_FIELD", "text")),
        ("POST", "rooms/chat-room/messages", {}, (400, "INVALID_FIELD", "text")),
        ("POST", "rooms/chat-room/messages", {"text": "", "x": 1}, (400, "INVALID_FIELD", "x")),
        ("POST", "rooms/chat-room/messages", [], (400, "INVALID_FIELD", 0)),
        ("POST", "connect", {"address": "nonsense"}, (400, "INVALID_ADDRESS", "address")),
        ("POST", "invites", {"room": "nowhere"}, (409, "ROOM_NOT_JOINED", "room")),
        ("POST", "invites/accept", {"invite": "nonsense"}, (400, "INVALID_INVITE", "invite")),
        ("POST", "invites/accept", {}, (400, "INVALID_FIELD", "invite")),
        ("PUT", "profile", {"name": "a\u202eb"}, (400, "INVALID_NAME", "profile.name")),
        ("PUT", "profile", {"avatar": "PHN2Zz4="}, (400, "INVALID_AVATAR", "profile.avatar")),
        ("PUT", "profile", {"avatar": "?"}, (400, "INVALID_FIELD", "avatar")),
        ("GET", "peers/nonsense/profile", None, (400, "INVALID_PEER_ID", "peer_id")),
        ("GET", f"peers/{NOBODY}/profile", None, (404, "PROFILE_UNKNOWN", 0)),
        ("GET", f"peers/{NOBODY}/avatar", None, (404, "PROFILE_UNKNOWN", 0)),
        ("PUT", "peers/nonsense/petname", {"petname": "x"}, (400, "INVALID_PEER_ID", "peer_id")),
        ("PUT", "hidden/nonsense", None, (400, "INVALID_MESSAGE_ID", "message_id")),
        ("DELETE", "hidden/nonsense", None, (400, "INVALID_MESSAGE_ID", "message_id")),
        ("PUT", "rooms/nowhere/muted", None, (409, "ROOM_NOT_JOINED", "room")),
        ("DELETE", "rooms/nowhere/muted", None, (409, "ROOM_NOT_JOINED", "room")),
        ("PUT", "blocked/nonsense", None, (400, "INVALID_PEER_ID", "peer_id")),
        ("DELETE", "blocked/nonsense", None, (400, "INVALID_PEER_ID", "peer_id")),
        ("DELETE", "peers/nonsense", None, (400, "INVALID_PEER_ID", "peer_id")),
        ("GET", "blocked?page_token=x", None, (400, "INVALID_PAGE_TOKEN", "page_token")),
        ("POST", "connect", {"address": ""}, (400, "INVALID_FIELD", "address")),
        ("GET", "rooms/chat-room/messages?limit=0", None, (400, "INVALID_FIELD", "limit")),
        ("GET", "rooms/chat-room/messages?limit=many", None, (400, "INVALID_FIELD", "limit")),
        ("GET", "rooms/chat-room/messages?before=x", None, (400, "INVALID_CURSOR", "before")),
        ("GET", "rooms/chat-room/messages?before=&after=", None, (400, "INVALID_CURSOR", 0)),
        ("GET", "rooms/a%7Fb/messages", None, (400, "INVALID_ROOM", "room")),
        ("GET", "rooms?page_token=x", None, (400, "INVALID_PAGE_TOKEN", "page_token")),
        ("GET", "peers?page_size=-1", None, (400, "INVALID_FIELD", "page_size")),
        ("GET", "nothing", None, (404, "NOT_FOUND", 0)),
        ("DELETE", "node", None, (405, "METHOD_NOT_ALLOWED", 0)),
        ("PUT", "node", {}, (405, "METHOD_NOT_ALLOWED", 0)),
    ],
)
def test_what_cannot_be_done_is_refused_as_json(
    shared_gateway: GatewayProcess,
    method: str,
    path: str,
    body: object,
    expected: tuple[int, str, object],
) -> None:
    status, reason, field = expected
    options: dict[str, Any] = {} if body is None else {"json": body}
    answer = httpx.request(method, f"{shared_gateway.url}/api/{path}", timeout=30, **options)
    failure = answer.json()
    assert (answer.status_code, failure["reason"]) == (status, reason), failure
    assert failure["code"]
    assert failure["message"]
    if field:
        assert failure["field"] == field


def test_posting_over_the_rate_is_refused_with_the_time_to_wait(
    shared_gateway: GatewayProcess,
) -> None:
    with httpx.Client(base_url=shared_gateway.url, timeout=30) as client:
        for _ in range(400):
            answer = client.post("/api/rooms/chat-room/messages", json={"text": "again"})
            if answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
                break
    assert answer.json()["reason"] == "CLIENT_RATE"
    assert int(answer.headers["retry-after"]) >= 1


def test_openapi_names_every_call(shared_gateway: GatewayProcess) -> None:
    described = shared_gateway.get("/openapi.json").json()
    calls = {(method, path) for path, methods in described["paths"].items() for method in methods}
    assert calls == {
        ("get", "/healthz"),
        ("get", "/readyz"),
        ("get", "/api/access"),
        ("get", "/api/node"),
        ("put", "/api/rooms/{room}"),
        ("delete", "/api/rooms/{room}"),
        ("get", "/api/peers"),
        ("get", "/api/rooms"),
        ("get", "/api/rooms/{room}/messages"),
        ("post", "/api/rooms/{room}/messages"),
        ("post", "/api/connect"),
        ("post", "/api/invites"),
        ("post", "/api/invites/accept"),
        ("delete", "/api/peers/{peer_id}"),
        ("put", "/api/hidden/{message_id}"),
        ("delete", "/api/hidden/{message_id}"),
        ("put", "/api/rooms/{room}/muted"),
        ("delete", "/api/rooms/{room}/muted"),
        ("get", "/api/blocked"),
        ("put", "/api/blocked/{peer_id}"),
        ("delete", "/api/blocked/{peer_id}"),
        ("get", "/api/profile"),
        ("put", "/api/profile"),
        ("get", "/api/profiles"),
        ("get", "/api/peers/{peer_id}/profile"),
        ("get", "/api/peers/{peer_id}/avatar"),
        ("put", "/api/peers/{peer_id}/petname"),
        ("get", "/api/messages/{message_id}"),
        ("get", "/api/peers/{peer_id}/messages"),
        ("post", "/api/peers/{peer_id}/messages"),
        ("delete", "/api/rooms/{room}/messages"),
        ("get", "/api/direct-requests"),
        ("put", "/api/direct-requests/{peer_id}"),
        ("delete", "/api/direct-requests/{peer_id}"),
        ("get", "/api/search"),
        ("get", "/api/conversations"),
        ("put", "/api/read-markers"),
    }
    assert shared_gateway.get("/docs").status_code == httpx.codes.NOT_FOUND


def test_metrics_count_what_happened(gateway: GatewayProcess) -> None:
    gateway.post("/api/rooms/chat-room/messages", {"text": "x"})
    gateway.get("/", headers={"host": "evil.example"})
    shown = gateway.get("/metrics").text
    assert "gateway_node_ready 1.0" in shown
    assert "gateway_clients 0.0" in shown
    assert 'gateway_turned_away_total{reason="HOST_NOT_ALLOWED"} 1.0' in shown
    assert "process_resident_memory_bytes" in shown
