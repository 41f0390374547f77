"""What can go wrong with the API itself.

    ApiError
    ├── ApiSettingsError    a setting cannot be used; nothing was started
    ├── ApiBindError        the address cannot be listened on
    └── ApiCrashedError     the gRPC thread ended without being asked to
    ChatError
    ├── TokenRequiredError     the call carries no valid token
    └── MalformedRequestError  the bytes of a request are not its message

The first three end the process; ``p2pd.node`` turns each into one line and an
exit code.
"""

from __future__ import annotations

from common.errors import SettingsError
from p2pd.errors import ChatError


class ApiError(Exception):
    """The API cannot start or go on; the message is one clear sentence."""


class ApiSettingsError(ApiError, SettingsError):
    """A setting cannot be used."""


class ApiBindError(ApiError):
    """The address cannot be listened on."""

    def __init__(self, address: str, cause: str) -> None:
        super().__init__(f"cannot listen on {address}: {cause}")


class ApiCrashedError(ApiError):
    """The gRPC thread ended without being asked to."""


class TokenRequiredError(ChatError):
    """The call carries no valid token."""

    reason = "TOKEN_REQUIRED"

    def __init__(self) -> None:
        super().__init__("this call needs `authorization: Bearer TOKEN` with this node's token")


class MalformedRequestError(ChatError):
    """The bytes of a request are not the message that the call needs."""

    reason = "MALFORMED_REQUEST"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the request cannot be decoded as {name}: it is cut or malformed, "
            "or a text in it is not UTF-8"
        )
