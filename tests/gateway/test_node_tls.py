from __future__ import annotations

from pathlib import Path

import httpx

from tests.driver import NodeProcess
from tests.driver.fixtures import StartGateway, StartNode
from tests.p2pd.api.test_tls import Authority, make_authority


def written(directory: Path, name: str, content: bytes) -> Path:
    path = directory / name
    path.write_bytes(content)
    return path


def certificate_files(directory: Path, authority: Authority, name: str) -> tuple[Path, Path]:
    certificate, key = authority.issue(name)
    return (
        written(directory, f"{name}.pem", certificate),
        written(directory, f"{name}.key", key),
    )


def test_the_node_is_reached_over_tls_with_a_client_certificate_only(
    tmp_path: Path, start_node: StartNode, start_gateway: StartGateway
) -> None:
    authority = make_authority("test authority")
    roots = written(tmp_path, "roots.pem", authority.pem)
    certificate, key = certificate_files(tmp_path, authority, "node")
    node: NodeProcess = start_node(
        grpc_tls_cert=certificate, grpc_tls_key=key, grpc_tls_client_ca=roots
    )
    own_certificate, own_key = certificate_files(tmp_path, authority, "gateway")
    gateway = start_gateway(
        node, node_ca_file=roots, node_cert_file=own_certificate, node_key_file=own_key
    )
    gateway.wait_node_reachable()
    assert gateway.get("/api/node").json()["peer_id"] == node.peer_id
    for settings in ({"node_ca_file": roots}, {"node_tls": "on"}, {}):
        stranger = start_gateway(node, **settings)
        stranger.wait_logged("stream of events broke")
        assert stranger.get("/readyz").status_code == httpx.codes.SERVICE_UNAVAILABLE
