"""``gateway --check``: ask a running gateway whether it is ready.

Called by ``__main__``; for health checks of containers without a shell.
"""

from __future__ import annotations

import http.client
from http import HTTPStatus

from gateway.values import Address

TIMEOUT_S = 3.0
WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}


def is_ready(listen: Address) -> bool:
    """Ask ``/readyz`` of the gateway that listens at this address."""
    host = WILDCARDS.get(listen.host, listen.host)
    connection = http.client.HTTPConnection(host, listen.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
