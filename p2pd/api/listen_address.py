"""Where the API listens: ``HOST:PORT``, ``[IPV6]:PORT`` or ``unix:PATH``."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias, assert_never

from p2pd.api.errors import ApiSettingsError

_TCP = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^\s:\[\]/]+)):(?P<port>[0-9]{1,5})")


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
        return f"unix:{self.path}"


ListenAddress: TypeAlias = TcpAddress | UnixAddress


def listen_address_from_text(text: str) -> ListenAddress:
    """Read an address.

    Raises:
        ApiSettingsError: It is none of the three forms.
    """
    if text.startswith("unix:") and len(text) > len("unix:"):
        return UnixAddress(Path(text.removeprefix("unix:")))
    match = _TCP.fullmatch(text)
    if match is None or int(match["port"]) > 65_535:
        raise ApiSettingsError(
            f"{text!r} is not an address to listen on: give HOST:PORT, [IPV6]:PORT or unix:PATH"
        )
    return TcpAddress(match["v6"] or match["host"], int(match["port"]))


def is_local(address: ListenAddress) -> bool:
    """Tell whether only programs of this machine can reach the address.

    A name other than ``localhost`` is taken as reachable from elsewhere, as is
    everything that is in doubt.
    """
    match address:
        case UnixAddress():
            return True
        case TcpAddress(host=host):
            return host == "localhost" or _is_loopback(host)
        case _:
            assert_never(address)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
