"""Where a service listens, and where it is called: ``HOST:PORT`` or ``unix:PATH``."""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from common.readers import path, quoted

MAX_PORT = 65_535
MAX_SOCKET_PATH_BYTES = 107
"""Source: unix(7), ``sun_path`` with its final NUL."""
UNIX = "unix:"

_TCP = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]/@]+)):(?P<port>[0-9]{1,5})")
_LOOPBACK_OF_WILDCARD = {"0.0.0.0": "127.0.0.1", "::": "::1"}


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A host and a port; port 0 picks a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A socket in the file system."""

    path: Path

    def __str__(self) -> str:
        return f"{UNIX}{self.path}"


ServiceAddress: TypeAlias = TcpAddress | UnixAddress


def tcp_address_from_text(text: str) -> TcpAddress:
    """Read ``HOST:PORT`` or ``[IPV6]:PORT``.

    Raises:
        ValueError: It is neither.
    """
    match = _TCP.fullmatch(text)
    if match is None:
        raise ValueError(f"{quoted(text)} is not an address: give HOST:PORT or [IPV6]:PORT")
    if int(match["port"]) > MAX_PORT:
        raise ValueError(f"{quoted(text)} is not an address: a port is at most {MAX_PORT}")
    if match["v6"] is not None and not _is_ipv6(match["v6"]):
        raise ValueError(f"{quoted(text)} is not an address: [{match['v6']}] is not IPv6")
    if match["host"] is not None and not _is_host(match["host"]):
        raise ValueError(f"{quoted(text)} is not an address: {quoted(match['host'])} is no host")
    return TcpAddress(match["v6"] or match["host"], int(match["port"]))


def service_address_from_text(text: str) -> ServiceAddress:
    """Read ``HOST:PORT``, ``[IPV6]:PORT`` or ``unix:PATH``.

    Raises:
        ValueError: It is none of the three.
    """
    if not text.startswith(UNIX):
        try:
            return tcp_address_from_text(text)
        except ValueError as error:
            raise ValueError(f"{error} or unix:PATH") from None
    if text == UNIX:
        raise ValueError(f"{quoted(text)} is not an address: unix: needs a path")
    found = path(text.removeprefix(UNIX))
    if len(os.fsencode(found)) > MAX_SOCKET_PATH_BYTES:
        raise ValueError(
            f"{quoted(text)} is not an address: a socket's path has at most "
            f"{MAX_SOCKET_PATH_BYTES} bytes"
        )
    return UnixAddress(found)


def dialled_address(address: TcpAddress) -> TcpAddress:
    """Return where this machine reaches a service that listens on an address."""
    return TcpAddress(_LOOPBACK_OF_WILDCARD.get(address.host, address.host), address.port)


def _is_host(host: str) -> bool:
    """Return whether a resolver can be asked for a name; Python's raises for others."""
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


def _is_ipv6(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).version == 6
    except ValueError:
        return False
