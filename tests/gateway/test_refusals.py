"""A refusal never looks like a failure: who is refused reads why, and so does the operator."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.driver import GatewayProcess
from tests.driver.fixtures import StartGateway
from tests.gateway.client import Client
from tests.gateway.test_door import NO_NODE, SECRET, bearer, port_of, upgrade

PROXIED = "https://chat.example"


def warnings_of(gateway: GatewayProcess) -> list[dict[str, str]]:
    lines = (json.loads(line) for line in gateway.log().splitlines())
    return [line for line in lines if line["event"] == "request refused"]


def test_an_origin_behind_a_proxy_is_refused_by_name_and_logged_once(
    start_gateway: StartGateway,
) -> None:
    gateway = start_gateway(NO_NODE, log_format="json")
    host = f"Host: {gateway.http_address}"
    for _ in range(3):
        status, body = upgrade(gateway, host, f"Origin: {PROXIED}")
        assert status == 403
    refusal = json.loads(body)
    assert refusal["reason"] == "ORIGIN_NOT_ALLOWED"
    assert refusal["setting"] == "GATEWAY_ALLOWED_ORIGINS"
    assert PROXIED in refusal["message"]
    assert "GATEWAY_ALLOWED_ORIGINS" in refusal["message"]
    (warning,) = warnings_of(gateway)
    assert warning["level"] == "warning"
    assert (warning["value"], warning["setting"]) == (PROXIED, "GATEWAY_ALLOWED_ORIGINS")


def test_a_host_that_is_not_known_is_refused_by_name_and_logged_once(
    start_gateway: StartGateway,
) -> None:
    gateway = start_gateway(NO_NODE, log_format="json")
    for path in ("/", "/app.js", "/api/access"):
        answer = gateway.get(path, headers={"host": "chat.lan:8080"})
        assert answer.status_code == 403
        refusal = answer.json()
        assert refusal["setting"] == "GATEWAY_ALLOWED_HOSTS"
        assert "chat.lan:8080" in refusal["message"]
        assert "GATEWAY_ALLOWED_HOSTS" in refusal["message"]
    (warning,) = warnings_of(gateway)
    assert (warning["value"], warning["setting"]) == ("chat.lan:8080", "GATEWAY_ALLOWED_HOSTS")


def test_warnings_are_bounded_whatever_is_refused(start_gateway: StartGateway) -> None:
    gateway = start_gateway(NO_NODE, log_format="json")
    with httpx.Client(base_url=gateway.url, timeout=30) as client:
        for number in range(200):
            client.get("/", headers={"host": f"host-{number}.example"})
        client.get("/", headers={b"host": "\u00e9\u0085".encode("latin-1")})
    assert 1 <= len(warnings_of(gateway)) <= 30
    shown = gateway.get("/metrics").text
    assert 'gateway_turned_away_total{reason="HOST_NOT_ALLOWED"} 201.0' in shown
    assert 'gateway_bounds_total{bound="refusal_warnings"}' in shown


@pytest.mark.parametrize(
    ("origin", "status", "reason"),
    [
        (PROXIED, 200, None),
        ("https://other.example", 403, "ORIGIN_NOT_ALLOWED"),
        ("null", 403, "ORIGIN_NOT_ALLOWED"),
    ],
)
def test_a_page_can_ask_why_it_is_refused(
    start_gateway: StartGateway, origin: str, status: int, reason: str | None
) -> None:
    gateway = start_gateway(NO_NODE, log_format="json", allowed_origins=PROXIED)
    answer = gateway.get("/api/access", params={"origin": origin})
    assert (answer.status_code, answer.json().get("reason")) == (status, reason)


def test_a_page_can_ask_whether_its_token_is_the_reason(
    start_gateway: StartGateway, tmp_path_factory: pytest.TempPathFactory
) -> None:
    token_file = tmp_path_factory.mktemp("token") / "token"
    token_file.write_text(SECRET)
    gateway = start_gateway(NO_NODE, log_format="json", token_file=token_file)
    for headers in ({}, bearer("wrong")):
        answer = gateway.get("/api/access", headers=headers)
        assert (answer.status_code, answer.json()["reason"]) == (401, "TOKEN_REQUIRED")
        assert "GATEWAY_TOKEN_FILE" in answer.json()["message"]
    assert gateway.get("/api/access", headers=bearer(SECRET)).json() == {"status": "ok"}
    assert SECRET not in gateway.log()
    assert "wrong" not in gateway.log()


def test_a_page_can_ask_whether_too_many_others_are_the_reason(
    start_gateway: StartGateway,
) -> None:
    gateway = start_gateway(NO_NODE, log_format="json", max_clients=1)
    with Client(gateway.ws_url):
        answer = gateway.get("/api/access")
        assert (answer.status_code, answer.json()["reason"]) == (503, "TOO_MANY_CLIENTS")
        assert "GATEWAY_MAX_CLIENTS" in answer.json()["message"]
        upgraded = upgrade(gateway, f"Host: 127.0.0.1:{port_of(gateway)}")
        assert upgraded[0] == 503
        assert json.loads(upgraded[1])["message"] == answer.json()["message"]
    (warning,) = warnings_of(gateway)
    assert warning["setting"] == "GATEWAY_MAX_CLIENTS"
