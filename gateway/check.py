"""``gateway --check``: ask a running gateway whether it is ready.

Called by ``__main__``; for health checks of containers without a shell.
"""

from __future__ import annotations

import http.client
import json
from http import HTTPStatus

from common.addresses import TcpAddress, dialled_address

TIMEOUT_S = 3.0


def problem_of(listen: TcpAddress) -> str | None:
    """Ask ``/readyz`` of the gateway that listens at this address.

    Returns:
        None where it is ready, else what is wrong in one sentence.
    """
    address = dialled_address(listen)
    try:
        status, body = _get(address, "/readyz")
    except (OSError, http.client.HTTPException) as error:
        return f"no answer from the gateway at {address}: {_cause(error)}"
    if status == HTTPStatus.OK:
        return None
    if status != HTTPStatus.SERVICE_UNAVAILABLE:
        return f"what listens at {address} is no gateway: it answers /readyz with {status}"
    return f"the gateway at {address} is up, but its node is unreachable: {_problem_in(body)}"


def _get(address: TcpAddress, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def _cause(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__


def _problem_in(body: bytes) -> str:
    try:
        return str(json.loads(body).get("problem") or "it has not answered yet")
    except (ValueError, AttributeError):
        return "it gives no reason"
