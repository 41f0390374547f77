"""The gateway as a process: what it says when it cannot start, and how it ends."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.typing import Origin

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.driver.fixtures import StartGateway, StartNode
from tests.driver.process import STOP_S
from tests.gateway.client import Client

#: Nobody listens there.
NOWHERE = "127.0.0.1:1"
SERVICE_RESTART = 1012


@pytest.fixture
def busy_port() -> Iterator[int]:
    """Give a loopback port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def failed_start(gateway: GatewayProcess, *arguments: str) -> tuple[int, str]:
    """Start a gateway that cannot start; return its exit code and its one line."""
    code = gateway.run(*arguments)
    lines = gateway.log().splitlines()
    assert len(lines) == 1, gateway.report()
    assert gateway.output() == ""
    return code, lines[0]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("listen", "nowhere"),
        ("listen", "127.0.0.1:99999"),
        ("node", "somewhere"),
        ("node_tls", "perhaps"),
        ("allowed_origins", "example.org"),
        ("max_clients", "none"),
        ("message_rate", "0"),
        ("max_frame_bytes", "1"),
        ("stall_timeout_s", "soon"),
        ("log_level", "loud"),
    ],
)
def test_bad_setting_ends_with_one_line_that_names_it(
    tmp_path: Path, setting: str, value: str
) -> None:
    settings: dict[str, object] = {"node": NOWHERE, setting: value}
    code, line = failed_start(GatewayProcess("g", tmp_path, **settings))  # type: ignore[arg-type]
    assert code == 2
    assert line.startswith(f"gateway: GATEWAY_{setting.upper()}: ")


def test_bad_flag_ends_with_one_line_that_names_it(tmp_path: Path) -> None:
    code, line = failed_start(GatewayProcess("g", tmp_path, NOWHERE), "--log-level", "loud")
    assert code == 2
    assert line.startswith("gateway: --log-level: ")


def test_gateway_does_not_listen_beyond_loopback_unless_told_so(tmp_path: Path) -> None:
    code, line = failed_start(GatewayProcess("g", tmp_path, NOWHERE, listen="0.0.0.0:0"))
    assert code == 2
    assert "--token-file" in line
    assert "--allow-open" in line


def test_busy_port_ends_with_one_line_that_names_it(tmp_path: Path, busy_port: int) -> None:
    address = f"127.0.0.1:{busy_port}"
    code, line = failed_start(GatewayProcess("g", tmp_path, NOWHERE, listen=address))
    assert code == 1
    assert address in line


@pytest.mark.parametrize("setting", ["token_file", "node_ca_file", "node_token_file"])
def test_file_that_is_not_there_ends_with_one_line_that_names_it(
    tmp_path: Path, setting: str
) -> None:
    missing = tmp_path / "missing"
    code, line = failed_start(GatewayProcess("g", tmp_path, NOWHERE, **{setting: missing}))
    assert code in (1, 2)
    assert str(missing) in line


def test_gateway_without_its_node_is_up_but_not_ready(
    start_gateway: StartGateway, start_node: StartNode
) -> None:
    node = start_node("a")
    node.stop()
    gateway = start_gateway(node)
    assert gateway.get("/healthz").status_code == httpx.codes.OK
    assert gateway.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE
    node.start()
    gateway.wait_node_reachable()


@pytest.mark.parametrize("setting", ["token_file", "node_token_file", "node_ca_file"])
@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe"])
def test_file_without_what_it_should_hold_ends_with_one_line_that_names_it(
    tmp_path: Path, setting: str, content: bytes
) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    code, line = failed_start(GatewayProcess("g", tmp_path, NOWHERE, **{setting: path}))
    assert code == 2
    assert str(path) in line


def test_check_tells_whether_the_gateway_is_ready(
    gateway: GatewayProcess, node: NodeProcess, tmp_path: Path
) -> None:
    check = GatewayProcess("check", tmp_path, NOWHERE, listen=gateway.http_address)
    assert check.run("--check") == 0
    node.kill()
    wait_until(lambda: check.run("--check"), lambda code: code == 1)
    gateway.stop()
    assert check.run("--check") == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_the_gateway_in_time_with_browsers_connected(
    gateway: GatewayProcess, number: signal.Signals
) -> None:
    with (
        connect(gateway.ws_url, origin=Origin(gateway.url)) as browser,
        connect(gateway.ws_url, origin=Origin(gateway.url)) as silent,
        httpx.Client() as kept_alive,
    ):
        kept_alive.get(f"{gateway.url}/healthz")
        browser.send('{"type": "hello", "after": null, "rooms": []}')
        assert '"snapshot"' in str(browser.recv(timeout=20))
        gateway.signal(number)
        gateway.wait_stopped(STOP_S)
        for connection in (browser, silent):
            with pytest.raises(ConnectionClosed) as closed:
                while True:
                    connection.recv(timeout=20)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == SERVICE_RESTART


def test_restarted_gateway_serves_the_same_address(gateway: GatewayProcess) -> None:
    before = gateway.http_address
    gateway.restart()
    gateway.wait_node_reachable()
    assert gateway.http_address == before


def pool_switches(pid: int) -> int:
    """Count how often gRPC's pool of threads has begun to wait or was put aside."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    pool = [task for task in tasks if (task / "comm").read_text() == "event_engine\n"]
    lines = [line for task in pool for line in (task / "status").read_text().splitlines()]
    return sum(int(line.split()[1]) for line in lines if "ctxt_switches" in line)


def test_no_pool_of_threads_stands_between_the_node_and_the_loop(gateway: GatewayProcess) -> None:
    count = 60
    with Client(gateway.ws_url) as browser:
        browser.hello()
        before = pool_switches(gateway.pid)
        for number in range(count):
            assert browser.ask("publish", room="", text=str(number))["type"] == "ack"
        browser.wait_text(str(count - 1))
        assert pool_switches(gateway.pid) - before < count
