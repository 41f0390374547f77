"""Who may call: beyond this machine only those who show the token.

Health and reflection are open to all, so that a probe needs no secret. What is
not known here needs the token, so a service added later is guarded as well.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

import grpc

from p2pd.api.errors import TokenRequiredError
from p2pd.api.grpc_types import Context, Handler
from p2pd.api.status_from_error import abort

OPEN_SERVICES = ("/grpc.health.v1.", "/grpc.reflection.v1.", "/grpc.reflection.v1alpha.")
SCHEME = "bearer "


class TokenGuard(grpc.aio.ServerInterceptor):
    """Turn away calls without ``authorization: Bearer TOKEN``.

    Attributes:
        refused: Calls turned away since the start.
    """

    def __init__(self, token: str) -> None:
        self._token = token.encode()
        self._refusal: Handler = grpc.stream_stream_rpc_method_handler(_refuse)
        self.refused = 0

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Go on to the call, or to its refusal whatever the call would have been."""
        details = handler_call_details
        if details.method.startswith(OPEN_SERVICES) or self._is_shown(details):
            return await continuation(details)
        self.refused += 1
        return self._refusal

    def _is_shown(self, details: grpc.HandlerCallDetails) -> bool:
        shown = [value for key, value in details.invocation_metadata if key == "authorization"]
        if len(shown) != 1 or not isinstance(shown[0], str):
            return False
        scheme, token = shown[0][: len(SCHEME)], shown[0][len(SCHEME) :]
        is_equal = hmac.compare_digest(token.encode(), self._token)
        return scheme.lower() == SCHEME and is_equal


async def _refuse(_requests: object, context: Context) -> None:
    await abort(context, TokenRequiredError())
