"""``gateway --check`` says why a gateway is not ready, and ``/readyz`` with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.driver import GatewayProcess, NodeProcess, wait_until
from tests.driver.fixtures import StartGateway, StartNode
from tests.driver.process import Service
from tests.gateway.test_node_tls import certificate_files, written
from tests.p2pd.api.test_tls import make_authority

NOWHERE = "127.0.0.1:1"


def problem_of(gateway: GatewayProcess, tmp_path: Path) -> str:
    """Run a check of a gateway that is not ready; return its one line."""
    check = GatewayProcess("check", tmp_path, NOWHERE, listen=gateway.http_address)
    assert check.run("--check") == 1
    (line,) = check.log().splitlines()
    assert line.startswith("gateway: ")
    return line


def wait_problem(gateway: GatewayProcess, problem: str) -> None:
    wait_until(
        lambda: gateway.get("/readyz").json(), lambda answer: problem in answer.get("problem", "")
    )


def test_no_gateway_at_all(tmp_path: Path) -> None:
    check = GatewayProcess("check", tmp_path, NOWHERE, listen=NOWHERE)
    assert check.run("--check") == 1
    assert check.log() == (
        f"gateway: no answer from the gateway at {NOWHERE}: Connection refused\n"
    )


def test_a_node_that_is_not_there(start_gateway: StartGateway, tmp_path: Path) -> None:
    gateway = start_gateway(NOWHERE)
    wait_problem(gateway, "nobody listens")
    assert "its node is unreachable: nobody listens at the node's address" in problem_of(
        gateway, tmp_path
    )
    assert gateway.log().count("waiting for the node") == 1
    assert "[warning" not in gateway.log()


def test_a_wrong_token(
    start_gateway: StartGateway, services: list[Service], tmp_path: Path
) -> None:
    node = NodeProcess("guarded", tmp_path, grpc_listen="0.0.0.0:0")
    services.append(node)
    node.start()
    token_file = written(tmp_path, "token", b"a-token-of-somebody-else\n")
    address = f"127.0.0.1:{node.grpc_address.rpartition(':')[2]}"
    gateway = start_gateway(address, node_token_file=token_file)
    wait_problem(gateway, "token")
    assert "the node refuses the token" in problem_of(gateway, tmp_path)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"node_ca_file": "other.pem"}, "certificate is not trusted"),
        ({}, "perhaps only one of the two speaks TLS"),
    ],
)
def test_a_node_that_speaks_tls(
    start_node: StartNode,
    start_gateway: StartGateway,
    tmp_path: Path,
    settings: dict[str, str],
    problem: str,
) -> None:
    authority, other = make_authority("one"), make_authority("other")
    written(tmp_path, "other.pem", other.pem)
    certificate, key = certificate_files(tmp_path, authority, "node")
    node = start_node(grpc_tls_cert=certificate, grpc_tls_key=key)
    gateway = start_gateway(node, **{name: tmp_path / file for name, file in settings.items()})
    wait_problem(gateway, problem)
    assert problem in problem_of(gateway, tmp_path)


def test_a_node_without_tls(
    start_node: StartNode, start_gateway: StartGateway, tmp_path: Path
) -> None:
    roots = written(tmp_path, "roots.pem", make_authority("one").pem)
    gateway = start_gateway(start_node(), node_ca_file=roots)
    wait_problem(gateway, "TLS")
    assert "TLS" in problem_of(gateway, tmp_path)
