"""The pytest fixtures that start processes, and their logs in failure reports.

Loaded by ``tests/conftest.py``. Whatever a fixture started is stopped with the
test, and must stop cleanly: a service that crashed, hangs or exits with an
error fails the test that used it.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.driver.disks import mounted_disk
from tests.driver.gateway import GatewayProcess
from tests.driver.node import NodeProcess
from tests.driver.process import ProcessError, Service

#: Deadline at the end of an ordinary test; the promise of 5 s has its own tests.
TEARDOWN_S = 20.0

StartNode = Callable[..., NodeProcess]
StartGateway = Callable[..., GatewayProcess]

_services = pytest.StashKey[list[Service]]()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 6 MiB, most of it taken by a file named ``hog``."""
    with mounted_disk(tmp_path / "disk", 6) as disk:
        (disk / "hog").write_bytes(bytes(4 << 20))
        yield disk


@pytest.fixture
def services(request: pytest.FixtureRequest) -> Iterator[list[Service]]:
    """Give the list of the test's services; all on it are stopped at the end."""
    started: list[Service] = []
    request.node.stash[_services] = started
    try:
        yield started
    finally:
        stop_all(started)


@pytest.fixture
def start_node(tmp_path: Path, services: list[Service]) -> StartNode:
    """Give ``start_node(name="a", **settings)``, which returns a ready node."""

    def start(name: str | None = None, **settings: Any) -> NodeProcess:
        node = NodeProcess(name or f"node{len(services)}", tmp_path, **settings)
        services.append(node)
        node.start()
        return node

    return start


@pytest.fixture
def start_gateway(tmp_path: Path, services: list[Service]) -> StartGateway:
    """Give ``start_gateway(node, name=None, **settings)``, which returns a ready gateway."""

    def start(node: NodeProcess | str, name: str | None = None, **settings: Any) -> GatewayProcess:
        target = node if isinstance(node, str) else node.grpc_address
        gateway = GatewayProcess(name or f"gateway{len(services)}", tmp_path, target, **settings)
        services.append(gateway)
        gateway.start()
        return gateway

    return start


@pytest.fixture
def node(start_node: StartNode) -> NodeProcess:
    """Give one node that knows nobody."""
    return start_node("a")


@pytest.fixture
def node_pair(start_node: StartNode) -> tuple[NodeProcess, NodeProcess]:
    """Give two connected nodes that know each other to be in ``chat-room``."""
    a, b = start_node("a"), start_node("b")
    b.connect(a)
    a.wait_peer(b, "chat-room")
    b.wait_peer(a, "chat-room")
    return a, b


@pytest.fixture
def gateway(node: NodeProcess, start_gateway: StartGateway) -> GatewayProcess:
    """Give a gateway in front of ``node``."""
    gateway = start_gateway(node, "gateway-a")
    gateway.wait_node_reachable()
    return gateway


@pytest.fixture
def gateway_pair(
    node_pair: tuple[NodeProcess, NodeProcess], start_gateway: StartGateway
) -> tuple[GatewayProcess, GatewayProcess]:
    """Give two gateways, each in front of one of two connected nodes."""
    a, b = (start_gateway(node, f"gateway-{node.name}") for node in node_pair)
    a.wait_node_reachable()
    b.wait_node_reachable()
    return a, b


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the services' logs into the report of a failed test."""
    report = yield
    if report.failed:
        report.sections += [
            (f"{service.module} {service.name}", service.report())
            for service in item.stash.get(_services, [])
        ]
    return report


def stop_all(services: list[Service]) -> None:
    """Stop all that run, at once, and tell which did not stop cleanly.

    Raises:
        ProcessError: a service had ended by itself, hung, or exited with an error.
    """
    running = [service for service in services if service.running]
    failures = [
        f"{service.module} {service.name} ended by itself\n{service.report()}"
        for service in services
        if not service.running and not service.ended_as_told
    ]
    for service in running:
        service.signal(signal.SIGTERM)
    for service in running:
        try:
            service.wait_stopped(TEARDOWN_S)
        except ProcessError as error:
            if service.running:
                service.kill()
            failures.append(str(error))
    if failures:
        raise ProcessError("\n".join(failures))
