"""Room names in paths: one segment, in which ``%2F`` is a slash of the name.

Registered for the routes of ``gateway.http.rest``; ``gateway.http.routing`` keeps the
encoded slashes apart.
"""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor

ENCODED_SLASH = "\udc2f"
"""Stands for ``%2F`` while a path is matched: decoding never yields a lone surrogate."""


class RoomName(Convertor[str]):
    """One segment of a path; may be empty, which the route refuses by name."""

    regex = "[^/]*"

    def convert(self, value: str) -> str:
        """Return the name with its slashes."""
        return value.replace(ENCODED_SLASH, "/")

    def to_string(self, value: str) -> str:
        """Return the name as it is matched."""
        return value.replace("/", ENCODED_SLASH)


class RoomPath(RoomName):
    """A name whose slashes may also be written plainly, in front of a further segment."""

    regex = ".*"


register_url_convertor("room", RoomName())
register_url_convertor("rooms", RoomPath())
