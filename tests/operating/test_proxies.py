"""The page and its WebSocket behind nginx and Caddy, with TLS and below a prefix."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.driver.fixtures import StartGateway
from tests.driver.gateway import GatewayProcess
from tests.driver.node import NodeProcess
from tests.driver.waiting import wait_until
from tests.operating.examples import examples, replaced

NAME = "chat.example"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def certificate_in(directory: Path) -> tuple[Path, Path]:
    """Make a certificate for the proxy's name that signs itself."""
    certificate, key = directory / "cert.pem", directory / "key.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"]
    named = ["-subj", f"/CN={NAME}", "-addext", f"subjectAltName=DNS:{NAME}"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    command = ["openssl", "req", "-x509", *curve, *named, *files]
    subprocess.run(command, check=True, capture_output=True)
    return certificate, key


@contextmanager
def nginx(directory: Path, port: int, target: str) -> Iterator[Path]:
    """Run nginx with the example's server block."""
    certificate, key = certificate_in(directory)
    server = replaced(
        examples("nginx")[0],
        {
            "listen 443": f"listen 127.0.0.1:{port}",
            "/etc/ssl/chat.example.pem": str(certificate),
            "/etc/ssl/chat.example.key": str(key),
            "127.0.0.1:8080": target,
        },
    )
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = " ".join(f"{kind}_temp_path {directory}/{kind};" for kind in kinds)
    config = directory / "nginx.conf"
    config.write_text(
        f"daemon off; pid {directory}/nginx.pid; error_log stderr;\n"
        "events {}\nhttp { access_log off;\n"
        f"{temporary}\n"
        f"{server}\n}}\n",
        encoding="utf-8",
    )
    with running(["nginx", "-p", str(directory), "-c", str(config)], directory, port):
        yield certificate


@contextmanager
def caddy(directory: Path, port: int, target: str) -> Iterator[Path]:
    """Run Caddy with the example's site, its certificate given instead of fetched."""
    certificate, key = certificate_in(directory)
    listening = f"\tbind 127.0.0.1\n\ttls {certificate} {key}"
    site = replaced(
        examples("caddy")[0],
        {
            "chat.example {": f"https://{NAME}:{port} {{\n{listening}",
            "127.0.0.1:8080": target,
        },
    )
    config = directory / "Caddyfile"
    options = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n"
    config.write_text(options + site, encoding="utf-8")
    command = ["caddy", "run", "--config", str(config), "--adapter", "caddyfile"]
    with running(command, directory, port):
        yield certificate


@contextmanager
def running(command: list[str], directory: Path, port: int) -> Iterator[None]:
    """Run a proxy until the block ends; it listens when the block begins."""
    log = directory / "proxy.log"
    environment = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(directory)}
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=subprocess.STDOUT, env=environment
        )
    try:
        wait_until(lambda: (listens(port), log.read_text()), lambda seen: seen[0])
        yield
    finally:
        process.terminate()
        process.wait(10.0)


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_the_page_chats_behind_a_proxy_with_tls_and_a_prefix(
    proxy: object, node: NodeProcess, start_gateway: StartGateway, tmp_path: Path
) -> None:
    port = free_port()
    origin = f"https://{NAME}:{port}"
    gateway = start_gateway(node, allowed_origins=origin)
    gateway.wait_node_reachable()
    with proxy(tmp_path, port, gateway.http_address) as certificate:  # type: ignore[operator]
        trusted = ssl.create_default_context(cafile=str(certificate))
        page, script = fetched(port, trusted, "/chat/", "/chat/app.js")
        assert "<title>" in page
        assert "import" in script
        answer = said_over_websocket(port, trusted, origin)
    assert answer["type"] == "ack"
    assert messages_of(gateway) == ["through the proxy"]


def fetched(port: int, trusted: ssl.SSLContext, *paths: str) -> list[str]:
    """GET paths of the proxy by its name."""
    texts = []
    with httpx.Client(verify=trusted, timeout=30.0) as client:
        for path in paths:
            answer = client.get(
                f"https://127.0.0.1:{port}{path}",
                headers={"host": f"{NAME}:{port}"},
                extensions={"sni_hostname": NAME},
            )
            answer.raise_for_status()
            texts.append(answer.text)
    return texts


def said_over_websocket(port: int, trusted: ssl.SSLContext, origin: str) -> dict[str, object]:
    """Publish as a page would, and return the answer."""
    raw = socket.create_connection(("127.0.0.1", port))
    with connect(
        f"wss://{NAME}:{port}/chat/ws",
        sock=raw,
        ssl=trusted,
        server_hostname=NAME,
        origin=Origin(origin),
    ) as browser:
        text = {"type": "publish", "id": 1, "room": "", "text": "through the proxy"}
        browser.send(json.dumps(text))
        while True:
            frame: dict[str, object] = json.loads(browser.recv(30.0))
            if frame.get("id") == 1:
                return frame


def messages_of(gateway: GatewayProcess) -> list[str]:
    found = gateway.get("/api/rooms/chat-room/messages").json()
    return [one["text"] for one in found["messages"]]
