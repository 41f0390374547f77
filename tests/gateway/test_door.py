from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed

from tests.driver import GatewayProcess
from tests.driver.fixtures import stop_all
from tests.gateway.client import Client

NO_NODE = "127.0.0.1:9"
SECRET = "s3cret-t0ken"


@pytest.fixture(scope="module")
def open_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway on loopback; who may come in does not depend on its node."""
    gateway = GatewayProcess("door", tmp_path_factory.mktemp("door"), NO_NODE, max_clients=3)
    gateway.start()
    yield gateway
    stop_all([gateway])


@pytest.fixture(scope="module")
def guarded_door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway on every address, with a token and an origin of its own."""
    directory = tmp_path_factory.mktemp("guarded")
    (directory / "token").write_text(f"{SECRET}\n")
    gateway = GatewayProcess(
        "guarded",
        directory,
        NO_NODE,
        listen="0.0.0.0:0",
        token_file=directory / "token",
        allowed_origins="https://chat.example",
    )
    gateway.start()
    yield gateway
    stop_all([gateway])


def port_of(gateway: GatewayProcess) -> int:
    return int(gateway.http_address.rpartition(":")[2])


def upgrade(gateway: GatewayProcess, *headers: str, path: str = "/ws") -> tuple[int, str]:
    """Ask for a WebSocket with exactly these headers; return status and body."""
    request = [
        f"GET {path} HTTP/1.1",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        *headers,
    ]
    with socket.create_connection(("127.0.0.1", port_of(gateway)), timeout=30) as connection:
        connection.sendall("\r\n".join([*request, "", ""]).encode())
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += connection.recv(4096)
        head, _, body = answer.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        if status != 101:
            while part := connection.recv(4096):
                body += part
        return status, body.decode("latin-1")


@pytest.mark.parametrize(
    ("host", "origin", "status", "reason"),
    [
        ("127.0.0.1:{port}", "http://127.0.0.1:{port}", 101, None),
        ("localhost:{port}", "http://localhost:{port}", 101, None),
        ("[::1]:{port}", "http://[::1]:{port}", 101, None),
        ("127.0.0.1:{port}", None, 101, None),
        ("127.0.0.1:{port}", "null", 403, "ORIGIN_NOT_ALLOWED"),
        ("127.0.0.1:{port}", "http://localhost:{port}", 403, "ORIGIN_NOT_ALLOWED"),
        ("127.0.0.1:{port}", "http://127.0.0.1", 403, "ORIGIN_NOT_ALLOWED"),
        ("127.0.0.1:{port}", "https://127.0.0.1:{port}", 403, "ORIGIN_NOT_ALLOWED"),
        ("127.0.0.1:{port}", "http://evil.example", 403, "ORIGIN_NOT_ALLOWED"),
        ("127.0.0.1:{port}", "file://", 403, "ORIGIN_NOT_ALLOWED"),
        ("127.0.0.1:{port}", "", 403, "ORIGIN_NOT_ALLOWED"),
        ("evil.example:{port}", "http://evil.example:{port}", 403, "HOST_NOT_ALLOWED"),
        ("evil.example:{port}", None, 403, "HOST_NOT_ALLOWED"),
        ("127.0.0.1", None, 403, "HOST_NOT_ALLOWED"),
        ("192.0.2.1:{port}", None, 403, "HOST_NOT_ALLOWED"),
        (None, None, 403, "HOST_NOT_ALLOWED"),
    ],
)
def test_who_may_open_a_websocket(
    open_door: GatewayProcess,
    host: str | None,
    origin: str | None,
    status: int,
    reason: str | None,
) -> None:
    port = port_of(open_door)
    headers = [
        f"{name}: {value.format(port=port)}"
        for name, value in (("Host", host), ("Origin", origin))
        if value is not None
    ]
    found, body = upgrade(open_door, *headers)
    assert found == status, body
    assert reason is None or json.loads(body)["reason"] == reason


def test_two_origins_are_refused(open_door: GatewayProcess) -> None:
    own = f"127.0.0.1:{port_of(open_door)}"
    headers = (f"Host: {own}", f"Origin: http://{own}", f"Origin: http://{own}")
    assert upgrade(open_door, *headers)[0] == 403


def test_another_path_is_no_websocket(open_door: GatewayProcess) -> None:
    assert upgrade(open_door, f"Host: {open_door.http_address}", path="/api/node")[0] == 404


@pytest.mark.parametrize("path", ["/", "/api/node", "/metrics", "/openapi.json", "/app.js"])
def test_a_rebound_name_reads_nothing(open_door: GatewayProcess, path: str) -> None:
    answer = open_door.get(path, headers={"host": "evil.example"})
    assert (answer.status_code, answer.json()["reason"]) == (403, "HOST_NOT_ALLOWED")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_probes_are_answered_under_any_name(open_door: GatewayProcess, path: str) -> None:
    assert open_door.get(path, headers={"host": "gateway.pod"}).status_code in {200, 503}


@pytest.mark.parametrize(
    ("headers", "status", "reason"),
    [
        ({"origin": "http://evil.example"}, 403, "ORIGIN_NOT_ALLOWED"),
        ({"origin": "null"}, 403, "ORIGIN_NOT_ALLOWED"),
        ({"content-type": "text/plain"}, 400, "JSON_REQUIRED"),
        ({"content-type": "application/x-www-form-urlencoded"}, 400, "JSON_REQUIRED"),
        ({}, 503, "NODE_AWAY"),
    ],
)
def test_who_may_post(
    open_door: GatewayProcess, headers: dict[str, str], status: int, reason: str
) -> None:
    answer = open_door.post("/api/rooms/chat-room/messages", {"text": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["reason"]) == (status, reason)


def test_a_body_over_the_limit_is_refused(open_door: GatewayProcess) -> None:
    answer = open_door.post("/api/rooms/chat-room/messages", {"text": "x" * 70_000})
    assert (answer.status_code, answer.json()["reason"]) == (413, "BODY_TOO_LARGE")


def test_a_body_of_untold_length_is_bounded_too(open_door: GatewayProcess) -> None:
    def parts() -> Iterator[bytes]:
        yield b'{"text":"'
        for _ in range(100):
            yield b"x" * 1000
        yield b'"}'

    answer = httpx.post(
        f"{open_door.url}/api/rooms/chat-room/messages",
        content=parts(),
        headers={"content-type": "application/json"},
        timeout=30,
    )
    assert answer.status_code == 413


def test_clients_over_the_cap_are_turned_away(open_door: GatewayProcess) -> None:
    host = f"Host: {open_door.http_address}"
    with Client(open_door.ws_url) as one, Client(open_door.ws_url), Client(open_door.ws_url):
        status, body = upgrade(open_door, host)
        assert (status, json.loads(body)["reason"]) == (503, "TOO_MANY_CLIENTS")
        one.say("hello")
        one.wait_frame(lambda frame: frame.get("state") == "away")
    assert "TOO_MANY_CLIENTS" in open_door.get("/metrics").text


def close_code_after(client: Client) -> int | None:
    with pytest.raises(ConnectionClosed):
        while True:
            client.socket.recv(timeout=30)
    return client.socket.close_code


@pytest.mark.parametrize("size", [65_537, 3_000_000])
def test_a_frame_over_the_size_limit_closes_with_1009(open_door: GatewayProcess, size: int) -> None:
    with Client(open_door.ws_url) as client:
        client.socket.send("x" * size)
        assert close_code_after(client) == 1009


def test_fragments_over_the_size_limit_close_with_1009(open_door: GatewayProcess) -> None:
    with Client(open_door.ws_url) as client:
        client.socket.send("x" * 1000 for _ in range(66))
        assert close_code_after(client) == 1009


def test_a_frame_at_the_size_limit_is_taken_whole_or_in_fragments(
    open_door: GatewayProcess,
) -> None:
    frame = json.dumps({"type": "shout", "id": 1, "text": ""})
    padded = frame[:-2] + "x" * (65_536 - len(frame)) + frame[-2:]
    with Client(open_door.ws_url) as client:
        client.socket.send(padded)
        assert client.wait_answer(1)["reason"] == "UNKNOWN_TYPE"
        client.frames.clear()
        client.socket.send([padded[:7], padded[7:60_000], padded[60_000:]])
        assert client.wait_answer(1)["reason"] == "UNKNOWN_TYPE"


def test_text_that_is_not_utf_8_closes_with_1007(open_door: GatewayProcess) -> None:
    with Client(open_door.ws_url) as client:
        client.socket.send(b'{"type":"\xff"}', text=True)
        assert close_code_after(client) == 1007


def test_binary_is_refused_and_the_connection_stays(open_door: GatewayProcess) -> None:
    with Client(open_door.ws_url) as client:
        client.socket.send(b"{}")
        refused = client.wait_frame(lambda frame: frame["type"] == "error")
        assert (refused["id"], refused["reason"]) == (None, "TEXT_ONLY")
        assert client.ask("shout")["reason"] == "UNKNOWN_TYPE"


def test_lasting_abuse_closes_with_1008(open_door: GatewayProcess) -> None:
    with Client(open_door.ws_url) as client:
        for _ in range(60):
            client.socket.send("nonsense")
        assert close_code_after(client) == 1008


def test_a_ping_is_answered_and_a_goodbye_returned(open_door: GatewayProcess) -> None:
    with Client(open_door.ws_url) as client:
        assert client.socket.ping().wait(30)
        client.socket.close(1000)
        assert client.socket.close_code == 1000


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.mark.parametrize("path", ["/api/node", "/api/peers", "/metrics", "/openapi.json"])
@pytest.mark.parametrize("headers", [{}, bearer("wrong"), {"authorization": f"Basic {SECRET}"}])
def test_without_the_token_nothing_is_told(
    guarded_door: GatewayProcess, path: str, headers: dict[str, str]
) -> None:
    answer = httpx.get(
        f"http://127.0.0.1:{port_of(guarded_door)}{path}", headers=headers, timeout=30
    )
    assert (answer.status_code, answer.json()["reason"]) == (401, "TOKEN_REQUIRED")
    assert answer.headers["www-authenticate"] == "Bearer"


def test_with_the_token_the_call_goes_through(guarded_door: GatewayProcess) -> None:
    url = f"http://127.0.0.1:{port_of(guarded_door)}/api/node"
    answer = httpx.get(url, headers=bearer(SECRET), timeout=30)
    assert answer.json()["reason"] == "NODE_AWAY"


def test_the_page_itself_needs_no_token(guarded_door: GatewayProcess) -> None:
    answer = httpx.get(f"http://127.0.0.1:{port_of(guarded_door)}/", timeout=30)
    assert answer.status_code == 200


def offer(token: str) -> str:
    encoded = base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")
    return f"Sec-WebSocket-Protocol: wsp.chat.v1, bearer.{encoded}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ((), 401),
        (("Authorization: Bearer wrong",), 401),
        ((f"Authorization: Bearer {SECRET}",), 101),
        ((offer(SECRET),), 101),
        ((offer("wrong"),), 401),
        ((offer(SECRET), "Origin: https://chat.example"), 101),
        ((offer(SECRET), "Origin: https://chat.example:444"), 403),
        ((offer(SECRET), "Origin: http://127.0.0.1:{port}"), 403),
        (("Origin: https://chat.example",), 401),
    ],
)
def test_a_guarded_websocket_needs_token_and_origin(
    guarded_door: GatewayProcess, headers: tuple[str, ...], status: int
) -> None:
    port = port_of(guarded_door)
    given = [f"Host: 127.0.0.1:{port}", *(one.format(port=port) for one in headers)]
    assert upgrade(guarded_door, *given)[0] == status


def test_a_page_that_offers_the_token_is_answered_with_the_protocol(
    guarded_door: GatewayProcess,
) -> None:
    encoded = base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("=")
    url = f"ws://127.0.0.1:{port_of(guarded_door)}/ws"
    with Client(url, subprotocols=["wsp.chat.v1", f"bearer.{encoded}"]) as client:
        assert client.socket.subprotocol == "wsp.chat.v1"


def test_every_answer_carries_the_security_headers(open_door: GatewayProcess) -> None:
    for path in ("/", "/api/node", "/nowhere", "/healthz"):
        headers = open_door.get(path).headers
        policy = dict(
            part.strip().partition(" ")[::2]
            for part in headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert policy["trusted-types"] == "wsp-shell"
        assert policy["frame-ancestors"] == "'none'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["referrer-policy"] == "no-referrer"
        assert "camera=()" in headers["permissions-policy"]
        assert "server" not in headers
        assert "access-control-allow-origin" not in headers


def test_the_page_is_kept_by_the_browser_and_asked_about(open_door: GatewayProcess) -> None:
    first = open_door.get("/")
    assert first.headers["content-type"].startswith("text/html")
    assert first.headers["cache-control"] == "no-cache"
    again = open_door.get("/", headers={"if-none-match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    ["/../gateway/config.py", "/%2e%2e/gateway/config.py", "/..%2fREADME.md", "//etc/passwd"],
)
def test_nothing_beside_the_page_is_served(open_door: GatewayProcess, path: str) -> None:
    with socket.create_connection(("127.0.0.1", port_of(open_door)), timeout=30) as connection:
        request = f"GET {path} HTTP/1.1\r\nHost: {open_door.http_address}\r\nConnection: close\r\n"
        connection.sendall(f"{request}\r\n".encode())
        assert connection.recv(4096).split()[1] in {b"404", b"400"}


def test_modules_come_as_javascript(open_door: GatewayProcess) -> None:
    answer = open_door.get("/app.js")
    assert answer.headers["content-type"].startswith("text/javascript")


def test_token_file_problems_end_the_start_up(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.touch()
    for path in (tmp_path / "none", empty):
        gateway = GatewayProcess("bad-token", tmp_path, NO_NODE, token_file=path)
        gateway.spawn()
        assert gateway.wait_ended(30) == 2
        assert gateway.log().count("\n") == 1
        assert str(path) in gateway.log()
