"""What the gateway's tests share beside ``tests.driver``."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.driver import GatewayProcess, NodeProcess
from tests.driver.fixtures import stop_all


@pytest.fixture(scope="module")
def shared_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A node and a gateway for a module's tests that only ask."""
    directory = tmp_path_factory.mktemp("shared")
    node = NodeProcess("shared-node", directory)
    gateway: GatewayProcess | None = None
    try:
        node.start()
        gateway = GatewayProcess("shared-gateway", directory, node.grpc_address)
        gateway.start()
        gateway.wait_node_reachable()
        yield gateway
    finally:
        stop_all([service for service in (gateway, node) if service is not None])
