"""Readers of single setting values: text in, value out, ``ValueError`` with a reason.

Called by ``gateway.config`` only.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

Reader = Callable[[str], object]
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d{1,5})?")


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 picks a free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

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
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not bare or (":" in bare and host == bare):
        raise ValueError(f"{text!r} is not HOST:PORT")
    if not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(f"{port!r} is not a port, 0 to 65535")
    return Address(bare, int(port))


def node_target(text: str) -> str:
    """Read ``HOST:PORT`` or ``unix:PATH``, as gRPC takes it."""
    if text.startswith("unix:"):
        if text == "unix:":
            raise ValueError("unix: needs a path")
        return text
    found = address(text)
    if found.port == 0:
        raise ValueError("the node's port cannot be 0")
    return str(found)


def optional_path(text: str) -> Path | None:
    """Read a path; empty is none. Whether it can be read is seen when it is."""
    return Path(text) if text else None


def switch(text: str) -> bool:
    """Read ``on`` or ``off``."""
    if text not in {"on", "off"}:
        raise ValueError(f"{text!r} is neither on nor off")
    return text == "on"


def words(text: str) -> tuple[str, ...]:
    """Read words parted by commas, in lower case."""
    return tuple(word.strip().lower() for word in text.split(",") if word.strip())


def origins(text: str) -> tuple[str, ...]:
    """Read exact origins parted by commas."""
    found = words(text)
    for one in found:
        if not _ORIGIN.fullmatch(one):
            raise ValueError(f"{one!r} is not an origin such as https://chat.example")
    return found


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """Make a reader of whole numbers within bounds."""

    def read(text: str) -> int:
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            raise ValueError(f"{text!r} is not a whole number, {least} to {most}")
        return int(text)

    return read


def seconds(least: float, most: float) -> Callable[[str], float]:
    """Make a reader of seconds within bounds."""

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = float("nan")
        if not least <= value <= most:
            raise ValueError(f"{text!r} is not a number of seconds, {least:g} to {most:g}")
        return value

    return read


def choice(*allowed: str) -> Callable[[str], str]:
    """Make a reader of one of some words."""

    def read(text: str) -> str:
        if text not in allowed:
            raise ValueError(f"{text!r} is not one of {', '.join(allowed)}")
        return text

    return read


def _addresses(host: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Return what a host stands for: itself, or what its name resolves to."""
    try:
        return [ipaddress.ip_address(host)]
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
