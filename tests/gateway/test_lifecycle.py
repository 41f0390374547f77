from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.driver import GatewayProcess, NodeProcess, Service
from tests.driver.fixtures import StartGateway
from tests.gateway.client import Client


def run_gateway(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("GATEWAY_")}
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_and_version_end_well() -> None:
    assert run_gateway("--version").stdout.startswith("gateway ")
    assert "--node-token-file" in run_gateway("--help").stdout


def test_check_says_whether_a_running_gateway_is_ready(
    gateway: GatewayProcess, node: NodeProcess
) -> None:
    assert run_gateway("--check", "--listen", gateway.http_address).returncode == 0
    port = gateway.http_address.rpartition(":")[2]
    wildcard = {"GATEWAY_LISTEN": f"0.0.0.0:{port}", "GATEWAY_ALLOW_OPEN": "on"}
    assert run_gateway("--check", **wildcard).returncode == 0
    node.kill()
    with Client(gateway.ws_url) as client:
        client.say("hello")
        client.wait_frame(lambda frame: frame.get("state") == "away")
    assert run_gateway("--check", "--listen", gateway.http_address).returncode == 1
    gateway.stop()
    assert run_gateway("--check", "--listen", gateway.http_address).returncode == 1


@pytest.mark.parametrize(("how", "is_warned_of"), [("stop", False), ("kill", True)])
def test_only_a_node_that_went_without_a_word_is_warned_of(
    gateway: GatewayProcess, node: NodeProcess, how: str, is_warned_of: bool
) -> None:
    getattr(node, how)()
    gateway.wait_logged("nobody listens" if is_warned_of else "waiting for the node")
    assert ("[warning" in gateway.log()) == is_warned_of


def test_a_browser_that_ignores_the_goodbye_does_not_hold_the_end_up(
    gateway: GatewayProcess,
) -> None:
    host, _, port = gateway.http_address.partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as deaf:
        deaf.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {gateway.http_address}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        assert deaf.recv(1)
        gateway.signal(signal.SIGTERM)
        assert gateway.wait_ended(5.0) == 0


def test_it_ends_in_time_while_its_node_hangs(gateway: GatewayProcess, node: NodeProcess) -> None:
    with Client(gateway.ws_url) as client:
        client.hello()
        node.signal(signal.SIGSTOP)
        try:
            client.say("publish", id=1, text="x")
            client.say("history", id=2)
            gateway.signal(signal.SIGTERM)
            assert gateway.wait_ended(5.0) == 0
        finally:
            node.signal(signal.SIGCONT)


def test_what_was_accepted_is_answered_before_the_end(
    gateway: GatewayProcess, node: NodeProcess
) -> None:
    with Client(gateway.ws_url) as client:
        client.hello()
        node.signal(signal.SIGSTOP)
        try:
            for number in range(90):
                client.say("publish", id=number, text=str(number))
            client.ask("shout")
            gateway.signal(signal.SIGTERM)
            gateway.wait_logged("gateway stops")
        finally:
            node.signal(signal.SIGCONT)
        with pytest.raises(ConnectionClosed):
            client.wait_frame(lambda _: False)
        assert gateway.wait_ended(5.0) == 0
        acks = [frame["id"] for frame in client.frames if frame["type"] == "ack"]
        assert acks == list(range(90))


def test_the_nodes_token_is_needed_and_read_again_when_it_changes(
    tmp_path: Path, start_gateway: StartGateway, services: list[Service]
) -> None:
    node = NodeProcess("guarded", tmp_path, grpc_listen="0.0.0.0:0")
    services.append(node)
    node.start()
    address = f"127.0.0.1:{node.grpc_address.rpartition(':')[2]}"
    token_file = tmp_path / "token"
    token_file.write_text("wrong")
    gateway = start_gateway(address, node_token_file=token_file)
    gateway.wait_logged("UNAUTHENTICATED")
    refused = gateway.get("/api/node")
    assert (refused.status_code, refused.json()["reason"]) == (503, "NODE_TOKEN_REFUSED")
    token_file.write_text(node.token)
    gateway.wait_node_reachable()
    assert gateway.get("/api/node").json()["peer_id"] == node.peer_id
