"""What the fault tests share: nodes that start fast and keep their address."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.driver.forked import ForkedNode, Launcher
from tests.driver.process import Service

StartForked = Callable[..., ForkedNode]


@pytest.fixture(scope="package")
def launcher() -> Iterator[Launcher]:
    """Give the process that nodes are forked off."""
    with Launcher() as launcher:
        yield launcher


@pytest.fixture
def start_forked(
    tmp_path_factory: pytest.TempPathFactory, launcher: Launcher, services: list[Service]
) -> StartForked:
    """Give ``start_forked("a", **settings)``, which returns a ready node.

    It has a loopback address of its own, so that nobody takes its port while it
    is down.
    """
    directory = tmp_path_factory.mktemp("forked")
    network = ".".join(str(part) for part in (127, *divmod(os.getpid() % 65_536, 256)))

    def start(name: str, **settings: Any) -> ForkedNode:
        address = f"/ip4/{network}.{len(services) + 1}/tcp/4001"
        grpc_listen = f"unix:{directory}/{name}.sock"
        places = {"listen": address, "grpc_listen": grpc_listen}
        node = ForkedNode(name, directory, launcher, **places, **settings)
        services.append(node)
        node.start()
        return node

    return start
