"""Every path answers for itself: HEAD, OPTIONS, methods it does not have."""

from __future__ import annotations

import httpx
import pytest
import yaml

from tests.driver import GatewayProcess

READ = "GET, HEAD, OPTIONS"


def call(gateway: GatewayProcess, method: str, path: str, **options: object) -> httpx.Response:
    return httpx.request(method, gateway.url + path, timeout=30, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/app.js",
        "/index.html",
        "/healthz",
        "/readyz",
        "/metrics",
        "/openapi.json",
        "/asyncapi.yaml",
        "/api/node",
        "/api/peers?room=chat-room",
        "/api/rooms",
        "/api/access",
        "/api/rooms/chat-room/messages",
        "/api/rooms/chat-room/messages?limit=0",
        "/api/rooms/nowhere/messages",
        "/api/nothing",
        "/nothing",
        "/ws",
    ],
)
def test_head_answers_as_get_without_a_body(shared_gateway: GatewayProcess, path: str) -> None:
    get, head = (call(shared_gateway, method, path) for method in ("GET", "HEAD"))
    assert head.status_code == get.status_code
    assert head.content == b""
    varying = {"date", "content-length"} if path == "/metrics" else {"date"}
    assert {name: value for name, value in head.headers.items() if name not in varying} == {
        name: value for name, value in get.headers.items() if name not in varying
    }
    assert "content-length" in head.headers


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/healthz", READ),
        ("DELETE", "/readyz", READ),
        ("PUT", "/metrics", READ),
        ("POST", "/openapi.json", READ),
        ("POST", "/", READ),
        ("DELETE", "/app.js", READ),
        ("PUT", "/api/node", READ),
        ("DELETE", "/api/node", READ),
        ("BREW", "/api/node", None),
        ("GET", "/api/connect", "OPTIONS, POST"),
        ("HEAD", "/api/connect", "OPTIONS, POST"),
        ("GET", "/api/rooms/chat-room", "DELETE, OPTIONS, PUT"),
        ("PUT", "/api/rooms/chat-room/messages", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("POST", "/ws", READ),
    ],
)
def test_an_unknown_method_is_refused_with_the_known_ones(
    shared_gateway: GatewayProcess, method: str, path: str, allow: str | None
) -> None:
    answer = call(shared_gateway, method, path)
    if allow is None:
        assert answer.status_code in {400, 405}
        return
    assert (answer.status_code, answer.headers["allow"]) == (405, allow)
    if method != "HEAD":
        assert answer.json()["reason"] == "METHOD_NOT_ALLOWED"
    options = call(shared_gateway, "OPTIONS", path)
    assert (options.status_code, options.headers["allow"]) == (204, allow)
    assert "access-control-allow-origin" not in options.headers


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/nothing", "/api/node/", "/api/rooms/a/b", "/nothing", "/%ff"]
)
def test_what_does_not_exist_is_not_found_by_any_method(
    shared_gateway: GatewayProcess, method: str, path: str
) -> None:
    answer = call(shared_gateway, method, path)
    assert (answer.status_code, answer.json()["reason"]) == (404, "NOT_FOUND")


def test_a_plain_request_to_the_websocket_is_asked_to_upgrade(
    shared_gateway: GatewayProcess,
) -> None:
    answer = shared_gateway.get("/ws")
    assert (answer.status_code, answer.json()["reason"]) == (426, "UPGRADE_REQUIRED")
    assert answer.headers["upgrade"] == "websocket"


def test_the_documents_of_both_interfaces_are_served_and_linked(
    shared_gateway: GatewayProcess,
) -> None:
    answer = shared_gateway.get("/asyncapi.yaml")
    assert answer.headers["content-type"].startswith("application/yaml")
    assert yaml.safe_load(answer.text)["asyncapi"] == "3.0.0"
    assert shared_gateway.get("/openapi.json").json()["externalDocs"]["url"] == "/asyncapi.yaml"


def test_every_call_is_described_by_a_sentence_and_by_its_errors(
    shared_gateway: GatewayProcess,
) -> None:
    described = shared_gateway.get("/openapi.json").json()
    for path, calls in described["paths"].items():
        for method, one in calls.items():
            summary = one["summary"]
            assert summary[0].isupper(), (method, path, summary)
            assert summary.endswith("."), (method, path, summary)
            assert " " in summary, (method, path, summary)
            assert "422" not in one["responses"], (method, path)
            if path.startswith("/api/") and path != "/api/access":
                assert {"400", "401", "403", "409", "429", "500", "503", "504"} <= set(
                    one["responses"]
                )


@pytest.mark.parametrize(
    ("path", "room"),
    [
        ("cats", "cats"),
        ("a%2Fb", "a/b"),
        ("a%2fb%2Fmessages", "a/b/messages"),
        ("a%252Fb", "a%2Fb"),
        ("%F0%9F%A7%91%E2%80%8D%F0%9F%9A%80", "\U0001f9d1\u200d\U0001f680"),
        ("messages", "messages"),
    ],
)
def test_a_room_of_any_name_is_joined_used_and_left(
    shared_gateway: GatewayProcess, path: str, room: str
) -> None:
    for _ in range(2):
        joined = call(shared_gateway, "PUT", f"/api/rooms/{path}")
        assert joined.status_code == 200, joined.text
        assert joined.json()["room"]["name"] == room
    sent = shared_gateway.post(f"/api/rooms/{path}/messages", {"text": "in it"})
    assert sent.status_code == 201, sent.text
    (message,) = shared_gateway.get(f"/api/rooms/{path}/messages").json()["messages"]
    assert message["room"] == room
    assert room in shared_gateway.get("/api/node").json()["rooms"]
    for _ in range(2):
        left = call(shared_gateway, "DELETE", f"/api/rooms/{path}")
        assert (left.status_code, left.content) == (204, b"")
    for answer in (
        shared_gateway.get(f"/api/rooms/{path}/messages"),
        shared_gateway.post(f"/api/rooms/{path}/messages", {"text": "x"}),
    ):
        assert (answer.status_code, answer.json()["reason"]) == (409, "ROOM_NOT_JOINED")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/rooms/"),
        ("DELETE", "/api/rooms/"),
        ("GET", "/api/rooms//messages"),
        ("PUT", "/api/rooms/a%00b"),
        ("PUT", "/api/rooms/%20a"),
        ("PUT", "/api/rooms/%ff"),
        ("PUT", "/api/rooms/" + "x" * 300),
    ],
)
def test_a_room_whose_name_breaks_the_rules_is_refused(
    shared_gateway: GatewayProcess, method: str, path: str
) -> None:
    answer = call(shared_gateway, method, path)
    assert answer.status_code == 400, answer.text
    assert answer.json()["reason"] in {"INVALID_ROOM", "INVALID_FIELD"}
    assert answer.json()["field"] == "room"


@pytest.mark.parametrize(
    "content",
    [
        b'{"text": "\\ud800"}',
        b'{"\\ud800": 1}',
        b'{"text": NaN}',
        b"\xef\xbb\xbf{}",
        b"\xff",
        b"",
        b"[" * 50_000,
        b'{"text": 1' + b"0" * 5_000 + b"}",
        b'{"text": "x", "text": 5}',
        b"null",
    ],
)
def test_a_body_that_is_no_message_is_refused_as_json(
    shared_gateway: GatewayProcess, content: bytes
) -> None:
    answer = httpx.post(
        f"{shared_gateway.url}/api/rooms/chat-room/messages",
        content=content,
        headers={"content-type": "application/json"},
        timeout=30,
    )
    assert answer.status_code == 400, answer.text
    assert {"code", "reason", "message"} <= set(answer.json())


def test_the_same_id_for_another_message_is_refused(shared_gateway: GatewayProcess) -> None:
    path = "/api/rooms/chat-room/messages"
    first = shared_gateway.post(path, {"text": "one", "client_message_id": "same"})
    assert first.status_code == 201
    other = shared_gateway.post(path, {"text": "two", "client_message_id": "same"})
    assert (other.status_code, other.json()["reason"]) == (409, "CLIENT_MESSAGE_ID_REUSED")
