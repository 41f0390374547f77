"""Readers of the gateway's own kinds of setting values.

Called by ``gateway.config`` only; ``Address`` is used wherever the gateway listens.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from dataclasses import dataclass

from common.addresses import TcpAddress, service_address_from_text, tcp_address_from_text
from common.readers import quoted
from common.readers import words as words_from_text

_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Address(TcpAddress):
    """Where to listen; port 0 picks a free one."""

    __str__ = TcpAddress.__str__

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        found = _addresses(self.host)
        return bool(found) and all(one.is_loopback for one in found)

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for every address of this machine."""
        return any(one.is_unspecified for one in _addresses(self.host))


def address(text: str) -> Address:
    """Read ``HOST:PORT`` or ``[IPv6]:PORT``."""
    found = tcp_address_from_text(text)
    return Address(found.host, found.port)


def node_target(text: str) -> str:
    """Read ``HOST:PORT`` or ``unix:PATH``, as gRPC takes it."""
    found = service_address_from_text(text)
    if isinstance(found, TcpAddress) and found.port == 0:
        raise ValueError(f"{quoted(text)}: the node's port cannot be 0")
    return str(found)


def words(text: str) -> tuple[str, ...]:
    """Read words parted by commas, in lower case."""
    return tuple(word.lower() for word in words_from_text(text))


def origins(text: str) -> tuple[str, ...]:
    """Read exact origins parted by commas."""
    found = words(text)
    for one in found:
        if not _ORIGIN.fullmatch(one):
            raise ValueError(f"{quoted(one)} is not an origin such as https://chat.example")
    return found


def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return what a host stands for: itself, or what its name resolves to."""
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
