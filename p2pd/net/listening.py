"""Which addresses a node may listen on, checked before anything is started.

Called by ``p2pd.net.host``. The library itself stays silent about an address it
cannot listen on, and shares a TCP port between transports and even processes.
"""

from __future__ import annotations

import errno
import socket
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing

import structlog
from multiaddr import Multiaddr

from p2pd.net.errors import ListenError
from p2pd.net.multiaddrs import multiaddr_from_text, names_in

log = structlog.get_logger(__name__)

WEBSOCKET = frozenset({"ws"})
WILDCARDS = ("0.0.0.0", "::")
TRANSPORTS = frozenset({"ip4", "ip6", "tcp", "ws"})


def listen_addresses_from_text(texts: Iterable[str]) -> tuple[Multiaddr, ...]:
    """Read the addresses to listen on and check that they can be had.

    A wildcard of an IP version that this machine lacks is left out, and logged: the
    default asks for both.

    Raises:
        ListenError: One is malformed, of a transport that is not there, shares
            its port (15), is in use or not of this machine (17).
    """
    addresses = tuple(_listen_address_from_text(text) for text in texts)
    _refuse_shared_ports(addresses)
    present = tuple(address for address in addresses if not _is_of_absent_version(address))
    if addresses and not present:
        raise ListenError("cannot listen: this machine has no such IP version")
    for address in present:
        _refuse_unbindable(address)
    return present


def refuse_silent_failure(addresses: Sequence[Multiaddr], listening: Iterable[str]) -> None:
    """Check after the start that the library listens everywhere it was told to.

    Raises:
        ListenError: It does not.
    """
    missing = {str(address) for address in addresses} - set(listening)
    if missing:
        raise ListenError(f"cannot listen on {', '.join(sorted(missing))}")


def _listen_address_from_text(text: str) -> Multiaddr:
    try:
        address = multiaddr_from_text(text)
    except ValueError as error:
        raise ListenError(f"cannot listen on {text!r}: {error}") from error
    names = names_in(address)
    if not TRANSPORTS.issuperset(names) or names[1:2] != ("tcp",):
        raise ListenError(f"cannot listen on {text!r}: want /ip4/IP/tcp/PORT or the same with /ws")
    return address


def _refuse_shared_ports(addresses: Sequence[Multiaddr]) -> None:
    """Keep TCP and WebSocket apart (15): a shared port fails one dial in four."""
    transports: dict[int, set[bool]] = {}
    for address in addresses:
        _, port = _endpoint(address)
        transports.setdefault(port, set()).add(_is_websocket(address))
    for port, kinds in transports.items():
        if port and len(kinds) > 1:
            raise ListenError(
                f"TCP and WebSocket cannot both listen on port {port}; give each its own"
            )
    for text, times in Counter(str(address) for address in addresses).items():
        if times > 1:
            raise ListenError(f"{text} is given twice")


def _refuse_unbindable(address: Multiaddr) -> None:
    """Bind the address as nobody shares it, and let it go again (17).

    The library's own sockets would share the port with another program of the
    same user, and each would get a part of the connections.
    """
    try:
        with closing(bound_socket(address, is_shared=False)) as claim:
            claim.listen(1)
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: {error.strerror}") from error


def bound_socket(address: Multiaddr, *, is_shared: bool) -> socket.socket:
    """Bind a TCP socket for one IP version only, so that the other's may have the same port.

    Args:
        is_shared: Whether dials may leave from the port as well (SO_REUSEPORT).

    Raises:
        OSError: The address cannot be bound.
    """
    host, port = _endpoint(address)
    bound = socket.socket(_family(host), socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if bound.family is socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _is_of_absent_version(address: Multiaddr) -> bool:
    """Ask with a free port, since a port in use says nothing of the version."""
    host, _ = _endpoint(address)
    if host not in WILDCARDS:
        return False
    try:
        with closing(socket.socket(_family(host), socket.SOCK_STREAM)) as trial:
            trial.bind((host, 0))
    except OSError as error:
        if error.errno not in (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL):
            return False  # binding it in earnest says what is wrong
        log.warning("not listening: no such IP version here", address=str(address))
        return True
    return False


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _endpoint(address: Multiaddr) -> tuple[str, int]:
    host = address.value_for_protocol(names_in(address)[0])
    return str(host), int(str(address.value_for_protocol("tcp")))


def _is_websocket(address: Multiaddr) -> bool:
    return not WEBSOCKET.isdisjoint(names_in(address))
