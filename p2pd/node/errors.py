"""Why the program cannot start, beside what its parts say themselves."""

from __future__ import annotations


class MetricsBindError(Exception):
    """The metrics address cannot be listened on."""

    def __init__(self, address: str, cause: str) -> None:
        super().__init__(f"cannot serve metrics on {address}: {cause}")
