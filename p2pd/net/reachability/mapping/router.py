"""What a router is asked for, and what it grants; the port that each protocol fills.

Used by every module of this package.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class MappingError(Exception):
    """The router refuses, does not answer, or answers malformed."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A port of this machine.

    Attributes:
        transport: ``tcp`` or ``udp``.
        external_port: Asked for; the router may grant another.
    """

    transport: str
    internal_port: int
    external_port: int


@dataclass(frozen=True, slots=True)
class Granted:
    """What the router forwards.

    Attributes:
        lifetime_s: Seconds from now on; 0 until it is removed.
    """

    external_ip: str
    external_port: int
    lifetime_s: int


class Router(Protocol):
    """A router by one protocol."""

    protocol: str

    async def add(self, wanted: Wanted, lifetime_s: int) -> Granted:
        """Make a mapping, or renew it.

        Raises:
            MappingError: There is none now.
            OSError: The network cannot be used.
        """

    async def remove(self, wanted: Wanted) -> None:
        """Remove a mapping; one that is not there is no error.

        Raises:
            MappingError: The router says no.
            OSError: The network cannot be used.
        """
