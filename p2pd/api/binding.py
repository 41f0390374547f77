"""Bind the server to its address, and say plainly why when that fails.

gRPC says only that it could not; the cause is found by trying the same with a
plain socket.
"""

from __future__ import annotations

import socket
from typing import assert_never

import grpc

from common.addresses import TcpAddress, UnixAddress
from p2pd.api.errors import ApiBindError
from p2pd.api.listen_address import ListenAddress

UNIX_MODE = 0o600
PROBE_TIMEOUT_S = 1.0


def bind(
    server: grpc.aio.Server, address: ListenAddress, credentials: grpc.ServerCredentials | None
) -> ListenAddress:
    """Listen on an address.

    Returns:
        The address with the port that was picked where it was 0.

    Raises:
        ApiBindError: It is in use, not of this machine, or not permitted.
    """
    match address:
        case TcpAddress(host=host):
            return TcpAddress(host, _add_port(server, address, credentials))
        case UnixAddress(path=path):
            _refuse_used_socket(address)
            _add_port(server, address, credentials)
            # Before the server starts: nothing is accepted until it does.
            path.chmod(UNIX_MODE)
            return address
        case _:
            assert_never(address)


def _add_port(
    server: grpc.aio.Server, address: ListenAddress, credentials: grpc.ServerCredentials | None
) -> int:
    try:
        if credentials is None:
            return server.add_insecure_port(str(address))
        return server.add_secure_port(str(address), credentials)
    except RuntimeError:
        raise ApiBindError(str(address), _cause(address)) from None


def _refuse_used_socket(address: UnixAddress) -> None:
    """Refuse a socket somebody listens on: gRPC would take it away from them."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(PROBE_TIMEOUT_S)
        try:
            probe.connect(str(address.path))
        except TimeoutError:
            pass
        except OSError:
            return
    raise ApiBindError(str(address), "another program listens there")


def _cause(address: ListenAddress) -> str:
    try:
        match address:
            case TcpAddress(host=host, port=port):
                family, kind, _, _, place = socket.getaddrinfo(
                    host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
                )[0]
                _try_bind(family, kind, place)
            case UnixAddress(path=path):
                _try_bind(socket.AF_UNIX, socket.SOCK_STREAM, str(path))
    except OSError as error:
        return error.strerror or str(error)
    return "gRPC could not bind"


def _try_bind(family: int, kind: int, place: object) -> None:
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(place)  # type: ignore[arg-type]
