"""The addresses of this machine's interfaces, as they are now.

Called by ``patches.announce``, ``discovery.mdns`` and ``patches.names``. Reading
them needs file descriptors: where none is left, what was read last is still true
enough.
"""

from __future__ import annotations

import errno
import socket
from contextlib import closing
from dataclasses import dataclass

import ifaddr
import structlog

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Interface:
    """One address of one interface.

    Attributes:
        zone: The interface's name, which a link-local IPv6 address needs.
    """

    version: int
    host: str
    zone: str

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can dial it."""
        return self.host.startswith("127.") or self.host == "::1"

    @property
    def is_link_local(self) -> bool:
        """Whether it means nothing beyond its link, or without its interface."""
        return self.host.startswith(("fe80:", "169.254."))


class _Last:
    """What was read last."""

    interfaces: tuple[Interface, ...] = ()


def interfaces() -> tuple[Interface, ...]:
    """Return every address of this machine, loopback ones too."""
    try:
        _Last.interfaces = _read_interfaces()
    except OSError as error:
        log.warning("interfaces cannot be read", error=error.strerror)
    return _Last.interfaces


def network_hosts(version: int) -> list[str]:
    """Return the addresses by which other machines may reach this one.

    Link-local ones of IPv6 are among them only where the machine has no others: a
    network without a router. They are written without their zone.
    """
    far = [each for each in interfaces() if not each.is_loopback]
    routed = [each.host for each in far if each.version == version and not each.is_link_local]
    if routed or version == 4 or any(not each.is_link_local for each in far):
        return routed
    return list(dict.fromkeys(each.host for each in far if each.version == version))


def link_local_zones() -> list[str]:
    """Return the interfaces that have a link-local IPv6 address."""
    far = (each for each in interfaces() if each.is_link_local and each.version == 6)
    return list(dict.fromkeys(each.zone for each in far))


def _read_interfaces() -> tuple[Interface, ...]:
    return tuple(
        Interface(6, address.ip[0], adapter.name)
        if isinstance(address.ip, tuple)
        else Interface(4, address.ip, adapter.name)
        for adapter in ifaddr.get_adapters()
        for address in adapter.ips
        if not isinstance(address.ip, tuple) or _is_bindable(address.ip)
    )


def _is_bindable(address: tuple[str, int, int]) -> bool:
    """Return whether an IPv6 address may be used already.

    A new one is tentative for a second or more, until no other machine on its link
    has answered for it. What is opened on it meanwhile fails for good.

    Raises:
        OSError: No socket can be opened.

    Source: RFC 4862, section 5.4.
    """
    host, flow, scope = address
    with closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as trial:
        try:
            trial.bind((host, 0, flow, scope))
        except OSError as error:
            return error.errno != errno.EADDRNOTAVAIL
    return True
