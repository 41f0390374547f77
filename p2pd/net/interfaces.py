"""The addresses of this machine's interfaces, as they were a moment ago at most.

Called by ``patches.announce``, ``patches.transports`` and ``discovery.mdns``, which
share one reading; ``connections.recovery`` reads anew once a second, where the kernel
has reported a change. Reading needs file descriptors: where none is left, what was read
last is still true enough.
"""

from __future__ import annotations

import errno
import socket
import struct
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from pathlib import Path

import ifaddr
import structlog

from p2pd.net.interface_changes import InterfaceChanges, open_changes

MAX_AGE_S = 1.5
"""Of a reading that is used again: longer than the second between two readings anew."""
MAX_TRUST_S = 30.0
"""How long nothing is read where the kernel reports no change."""
SIOCGIFFLAGS = 0x8913
IFF_UP, IFF_RUNNING = 0x1, 0x40
FLAGS_REQUEST = "16sH14x"
SYSTEM_INTERFACES = Path("/sys/class/net")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Interface:
    """One address of one interface.

    Attributes:
        zone: The interface's name, which a link-local IPv6 address needs.
        is_inner: Whether only containers of this machine are on it.
    """

    version: int
    host: str
    zone: str
    prefix_bits: int
    is_inner: bool = False

    @property
    def address(self) -> IPv4Interface | IPv6Interface:
        """The address with the network that it is of."""
        return ip_interface(f"{self.host.partition('%')[0]}/{self.prefix_bits}")

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
    read_s = float("-inf")
    whole_s = float("-inf")
    changes: InterfaceChanges | None = None


def interfaces() -> tuple[Interface, ...]:
    """Return every address of this machine, loopback ones too."""
    if time.monotonic() - _Last.read_s > MAX_AGE_S:
        return read_interfaces()
    return _Last.interfaces


def current_interfaces() -> tuple[Interface, ...]:
    """Return every address as it is now: read anew where something may have changed."""
    if _Last.changes is None:
        _Last.changes = open_changes()
    has_changed = _Last.changes.may_have_changed()
    if has_changed or time.monotonic() - _Last.whole_s > MAX_TRUST_S:
        return read_interfaces()
    _Last.read_s = time.monotonic()
    return _Last.interfaces


def read_interfaces() -> tuple[Interface, ...]:
    """Read every address anew, those of interfaces without a link left out."""
    try:
        _Last.whole_s = float("-inf")
        _Last.interfaces = _read_interfaces(known=frozenset(_Last.interfaces))
        _Last.whole_s = time.monotonic()
    except OSError as error:
        log.warning("interfaces cannot be read", error=error.strerror)
    _Last.read_s = time.monotonic()
    return _Last.interfaces


def network_hosts(version: int) -> list[str]:
    """Return the addresses by which other machines may reach this one.

    Link-local ones of IPv6 are among them only where the machine has no others: a
    network without a router. They are written without their zone. Those of container
    bridges are among them only where there is no other interface.
    """
    known = [each for each in interfaces() if not each.is_loopback]
    far = [each for each in known if not each.is_inner] or known
    routed = [each.host for each in far if each.version == version and not each.is_link_local]
    if routed or version == 4 or any(not each.is_link_local for each in far):
        return routed
    return list(dict.fromkeys(each.host for each in far if each.version == version))


def link_local_zones() -> list[str]:
    """Return the interfaces that have a link-local IPv6 address."""
    far = (each for each in interfaces() if each.is_link_local and each.version == 6)
    return list(dict.fromkeys(each.zone for each in far))


def _read_interfaces(known: frozenset[Interface]) -> tuple[Interface, ...]:
    """Read the addresses; one that was usable before is not tried again."""
    found: list[Interface] = []
    for adapter in ifaddr.get_adapters():
        if not _has_link(adapter.name):
            continue
        is_inner = is_container_bridge(adapter.name)
        for address in adapter.ips:
            is_v6 = isinstance(address.ip, tuple)
            host = address.ip[0] if isinstance(address.ip, tuple) else address.ip
            each = Interface(
                6 if is_v6 else 4, host, adapter.name, address.network_prefix, is_inner
            )
            if not isinstance(address.ip, tuple) or each in known or _is_bindable(address.ip):
                found.append(each)
    return tuple(found)


def _has_link(name: str) -> bool:
    """Return whether an interface is up; true where the system does not say.

    An address stays on an interface that is down or unplugged, and leads nowhere.
    """
    if sys.platform != "linux":
        return True
    import fcntl  # not on every platform

    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
        request = struct.pack(FLAGS_REQUEST, name.encode()[:15], 0)
        try:
            answer = fcntl.ioctl(asking.fileno(), SIOCGIFFLAGS, request)
        except OSError:
            return False
    flags = int(struct.unpack(FLAGS_REQUEST, answer)[1])
    return flags & (IFF_UP | IFF_RUNNING) == IFF_UP | IFF_RUNNING


def is_container_bridge(name: str, system: Path = SYSTEM_INTERFACES) -> bool:
    """Return whether an interface is a bridge of containers or virtual machines alone.

    A port that is a device, a VLAN or a bond leads out of this machine; the ends of
    containers are neither.
    """
    ports = system / name / "brif"
    try:
        return all(_is_virtual_end(system / each.name) for each in ports.iterdir())
    except OSError:
        return False


def _is_virtual_end(interface: Path) -> bool:
    is_device = (interface / "device").exists()
    return not is_device and "DEVTYPE=" not in (interface / "uevent").read_text()


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
