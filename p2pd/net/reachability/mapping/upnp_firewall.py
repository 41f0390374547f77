"""UPnP's control of an IPv6 firewall: pinholes, at the router that offers it, in a thread.

Made by ``mapper``. ``miniupnpc`` does not do this over Python. Whoever answers the search
is asked at its own address only, whatever address it names.

Source: UPnP Forum, WANIPv6FirewallControl:1; UPnP Device Architecture, sections 1.3, 2.3, 3.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import TypeVar
from urllib.parse import urlsplit

import trio

from p2pd.net.interfaces import interfaces
from p2pd.net.reachability.mapping.router import Granted, MappingError, Wanted
from p2pd.workers import WORKER_THREADS

SERVICE = "urn:schemas-upnp-org:service:WANIPv6FirewallControl:1"
GROUP, PORT = "ff02::c", 1900
SEARCH = (
    "M-SEARCH * HTTP/1.1\r\n"
    f"HOST: [{GROUP}]:{PORT}\r\n"
    'MAN: "ssdp:discover"\r\n'
    "MX: 1\r\n"
    f"ST: {SERVICE}\r\n\r\n"
)
LOCATION = re.compile(rb"^location: *(http://\S+)\r?$", re.IGNORECASE | re.MULTILINE)
CONTROL = re.compile(
    rb"<serviceType>" + re.escape(SERVICE.encode()) + rb"</serviceType>"
    rb"(?:(?!</service>).)*?<controlURL>([^<]{1,200})</controlURL>",
    re.DOTALL,
)
UNIQUE_ID = re.compile(rb"<UniqueID>([0-9]{1,5})</UniqueID>")
PROTOCOLS = {"tcp": 6, "udp": 17}
MOST_LEASE_S = 86_400
STEP_TIMEOUT_S = 1.5
CALL_TIMEOUT_S = 8.0
MAX_BYTES = 64 * 1024

T = TypeVar("T")


class UpnpFirewall:
    """The firewall in front of one IPv6 address."""

    protocol = "upnp"

    def __init__(self, own_ip: str) -> None:
        self._own_ip = own_ip
        self._limiter = trio.CapacityLimiter(1)
        self._control: _Control | None = None
        self._pinholes: dict[Wanted, int] = {}

    async def add(self, wanted: Wanted, lifetime_s: int) -> Granted:
        """Make a pinhole, or renew it; see ``Router``."""
        lease_s = min(lifetime_s, MOST_LEASE_S)
        await self._in_thread(lambda: self._add(wanted, lease_s))
        return Granted(self._own_ip, wanted.internal_port, lease_s)

    async def remove(self, wanted: Wanted) -> None:
        """Remove a pinhole; see ``Router``."""
        if wanted in self._pinholes:
            await self._in_thread(lambda: self._remove(wanted))

    async def _in_thread(self, call: Callable[[], T]) -> T:
        try:
            with trio.fail_after(CALL_TIMEOUT_S):
                return await WORKER_THREADS.run(call, limiter=self._limiter)
        except (trio.TooSlowError, HTTPException, ValueError) as error:
            raise MappingError(f"the firewall does not answer: {error}") from error

    def _add(self, wanted: Wanted, lease_s: int) -> None:
        control = self._control = self._control or _find(self._own_ip)
        if wanted in self._pinholes:
            try:
                control.call("UpdatePinhole", UniqueID=self._pinholes[wanted], NewLeaseTime=lease_s)
            except MappingError:
                del self._pinholes[wanted]  # the router has forgotten it
            else:
                return
        answer = control.call(
            "AddPinhole",
            RemoteHost="",
            RemotePort=0,
            InternalClient=self._own_ip,
            InternalPort=wanted.internal_port,
            Protocol=PROTOCOLS[wanted.transport],
            LeaseTime=lease_s,
        )
        found = UNIQUE_ID.search(answer)
        if found is None:
            raise MappingError("the firewall names no pinhole")
        self._pinholes[wanted] = int(found[1])

    def _remove(self, wanted: Wanted) -> None:
        control = self._control = self._control or _find(self._own_ip)
        control.call("DeletePinhole", UniqueID=self._pinholes.pop(wanted))


class _Control:
    """Where the service is called."""

    def __init__(self, host: str, port: int, path: str, own_ip: str) -> None:
        self._host, self._port, self._path, self._own_ip = host, port, path, own_ip

    def call(self, action: str, **arguments: str | int) -> bytes:
        """Call an action and return its answer.

        Raises:
            MappingError: The router refuses.
            OSError: It cannot be reached.
        """
        inner = "".join(f"<{name}>{value}</{name}>" for name, value in arguments.items())
        body = (
            '<?xml version="1.0"?>'
            '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
            's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
            f'<u:{action} xmlns:u="{SERVICE}">{inner}</u:{action}></s:Body></s:Envelope>'
        )
        headers = {
            "Content-Type": 'text/xml; charset="utf-8"',
            "SOAPAction": f'"{SERVICE}#{action}"',
        }
        status, answer = _request(
            (self._host, self._port, self._own_ip), "POST", self._path, body, headers
        )
        if status != 200:
            raise MappingError(f"the firewall refuses {action}")
        return answer


def _find(own_ip: str) -> _Control:
    """Search the link for a firewall that can be asked.

    Raises:
        MappingError: None answers, or it is malformed.
        OSError: There is no network.
    """
    answer, host = _search(own_ip)
    location = LOCATION.search(answer)
    url = urlsplit(location[1].decode("ascii") if location is not None else "")
    named, port = (url.hostname or "").partition("%")[0], url.port or 80
    if not named or ip_address(named) != ip_address(host.partition("%")[0]):
        raise MappingError("the firewall names another address than its own")
    status, description = _request((host, port, own_ip), "GET", url.path or "/")
    found = CONTROL.search(description)
    if status != 200 or found is None:
        raise MappingError("the firewall describes no such service")
    return _Control(host, port, urlsplit(found[1].decode("ascii")).path, own_ip)


def _search(own_ip: str) -> tuple[bytes, str]:
    """Ask the link; returns the first answer, and where it came from with its interface."""
    zones = (each.zone for each in interfaces() if each.host.partition("%")[0] == own_ip)
    zone = socket.if_nametoindex(next(zones, "lo"))
    with closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as search:
        search.settimeout(STEP_TIMEOUT_S)
        search.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, zone)
        search.bind((own_ip, 0))
        search.sendto(SEARCH.encode(), (GROUP, PORT, 0, zone))
        try:
            answer, address = search.recvfrom(MAX_BYTES)
        except TimeoutError:
            raise MappingError("no firewall answers") from None
    return answer, socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]


def _request(
    at: tuple[str, int, str],
    method: str,
    path: str,
    body: str | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    host, port, own_ip = at
    with closing(
        HTTPConnection(host, port, timeout=STEP_TIMEOUT_S, source_address=(own_ip, 0))
    ) as connection:
        connection.request(
            method, path, body, {**(headers or {}), "Host": f"[{host.partition('%')[0]}]:{port}"}
        )
        answer = connection.getresponse()
        return answer.status, answer.read(MAX_BYTES)
