"""Asks a running node for its health: what ``p2pd --check`` does."""

from __future__ import annotations

from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from common.addresses import TcpAddress, dialled_address
from p2pd.api.listen_address import listen_address_from_text

TIMEOUT_S = 5.0
OPTIONS = (("grpc.enable_http_proxy", 0),)
"""The node is one's own: a proxy for the web is nobody to ask."""


def probe_health(listen: str, certificate: Path | None, key: Path | None) -> str | None:
    """Ask the node that listens at ``listen`` whether it serves.

    Args:
        certificate: The node's own chain where it serves TLS; shown as the
            client's certificate as well.

    Returns:
        None where it serves, else what is wrong in one sentence.
    """
    target = _target(listen)
    try:
        with _channel(target, certificate, key) as channel:
            stub = health_pb2_grpc.HealthStub(channel)  # type: ignore[no-untyped-call]
            answer = stub.Check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_S)
    except (grpc.RpcError, OSError) as error:
        cause = error.details() if isinstance(error, grpc.Call) else error
        return f"no answer from {target}: {cause}"
    if answer.status != health_pb2.HealthCheckResponse.SERVING:
        return f"the node at {target} does not serve"
    return None


def _target(listen: str) -> str:
    address = listen_address_from_text(listen)
    if isinstance(address, TcpAddress):
        return str(dialled_address(address))
    return str(address)


def _channel(target: str, certificate: Path | None, key: Path | None) -> grpc.Channel:
    if certificate is None or key is None:
        return grpc.insecure_channel(target, OPTIONS)
    chain = certificate.read_bytes()
    credentials = grpc.ssl_channel_credentials(chain, key.read_bytes(), chain)
    return grpc.secure_channel(target, credentials, OPTIONS)
