"""A proxy for the web is asked for nothing that is one's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.driver import GatewayProcess, NodeProcess
from tests.driver.fixtures import StartNode
from tests.driver.process import Service

#: Nobody listens there.
PROXY = "http://127.0.0.1:9"
NAMES = ("http_proxy", "https_proxy", "grpc_proxy", "all_proxy")


@pytest.fixture(autouse=True)
def proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, PROXY)
        monkeypatch.setenv(name.upper(), PROXY)


def test_checks_and_the_gateway_reach_their_own(
    tmp_path: Path, start_node: StartNode, services: list[Service], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = start_node("a")
    check = NodeProcess("check", tmp_path, grpc_listen=node.grpc_address)
    assert check.run("--check") == 0, check.report()
    gateway = GatewayProcess("gateway", tmp_path, node.grpc_address)
    services.append(gateway)
    gateway.start()
    gateway.wait_logged("the page is ready")
    asking = GatewayProcess("check", tmp_path, node.grpc_address, listen=gateway.http_address)
    assert asking.run("--check") == 0, asking.report()
