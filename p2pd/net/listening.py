"""Which addresses a node may listen on, checked before anything is started.

Called by ``p2pd.net.host``. The library itself stays silent about an address it
cannot listen on, and shares a TCP port between transports and even processes.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Sequence
from contextlib import closing

import structlog
from multiaddr import Multiaddr

from p2pd.net.errors import ListenError
from p2pd.net.multiaddrs import multiaddr_from_text, names_in
from p2pd.net.transports import WEBSOCKET_TLS, Transport, transport_of
from p2pd.net.transports.record import IP_NAMES

log = structlog.get_logger(__name__)

WILDCARDS = ("0.0.0.0", "::")
ABSENT_ERRORS = frozenset(
    {
        errno.EAFNOSUPPORT,
        errno.EPROTONOSUPPORT,
        errno.ESOCKTNOSUPPORT,
        errno.EADDRNOTAVAIL,
        errno.EPERM,
        errno.EACCES,
    }
)
"""Why a machine binds no address at all of an IP version, or of UDP."""


def listen_addresses_from_text(
    texts: Iterable[str], *, has_certificate: bool = False, has_sockets: bool = True
) -> tuple[Multiaddr, ...]:
    """Read the addresses to listen on and check that they can be had.

    A wildcard of an IP version, or of UDP, that this machine lacks is left out, and
    logged: the default asks for all.

    Args:
        has_certificate: Whether there is one for WebSocket over TLS.
        has_sockets: Whether sockets of this machine are to be bound.

    Raises:
        ListenError: One is malformed, of a transport that is not there, shares
            its port (15), is in use or not of this machine (17).
    """
    addresses: dict[Multiaddr, Transport] = {}
    for address, transport in map(_read, texts):
        if address in addresses:
            raise ListenError(f"{address} is given twice")
        if transport is WEBSOCKET_TLS and not has_certificate:
            raise ListenError(f"cannot listen on {address}: it needs a certificate and its key")
        addresses[address] = transport
    _refuse_shared_ports(addresses)
    if not has_sockets:
        return tuple(addresses)
    present = {each: of for each, of in addresses.items() if not _is_absent(each, of)}
    if addresses and not present:
        raise ListenError("cannot listen: this machine has no such IP version")
    for address, transport in present.items():
        _refuse_unbindable(address, transport)
    return tuple(present)


def refuse_silent_failure(addresses: Sequence[Multiaddr], listening: Iterable[str]) -> None:
    """Check after the start that the library listens everywhere that is set.

    Raises:
        ListenError: It does not.
    """
    missing = {str(address) for address in addresses} - set(listening)
    if missing:
        raise ListenError(f"cannot listen on {', '.join(sorted(missing))}")


def _read(text: str) -> tuple[Multiaddr, Transport]:
    try:
        address = multiaddr_from_text(text)
    except ValueError as error:
        raise ListenError(f"cannot listen on {text!r}: {error}") from error
    transport = transport_of(address)
    names = names_in(address)
    if transport is None or names[0] not in IP_NAMES or names[2:] not in transport.endings:
        raise ListenError(
            f"cannot listen on {text!r}: want /ip4/IP/tcp/PORT, the same with /ws or /wss, "
            "or /ip4/IP/udp/PORT/quic-v1"
        )
    return address, transport


def _refuse_shared_ports(addresses: dict[Multiaddr, Transport]) -> None:
    """Keep transports of one carrier apart (15): a shared port fails one dial in four."""
    sharing: dict[tuple[str, int], set[str]] = {}
    for address, transport in addresses.items():
        _, port = transport.endpoint(address)
        sharing.setdefault((transport.carrier, port), set()).add(transport.name)
    for (_, port), names in sharing.items():
        if port and len(names) > 1:
            both = " and ".join(sorted(names))
            raise ListenError(f"{both} cannot both listen on port {port}; give each its own")


def _refuse_unbindable(address: Multiaddr, transport: Transport) -> None:
    """Bind the address as nobody shares it, and let it go again (17).

    The library's own sockets would share the port with another program of the
    same user, and each would get a part of the connections.
    """
    try:
        with closing(transport.bind(address, is_shared=False)) as claim:
            if transport.carrier == "tcp":
                claim.listen(1)
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: {error.strerror}") from error


def _is_absent(address: Multiaddr, transport: Transport) -> bool:
    """Ask with a free port, since a port in use says nothing of the version."""
    host, _ = transport.endpoint(address)
    if host not in WILDCARDS:
        return False
    try:
        with closing(transport.bind_endpoint(host, 0, is_shared=False)):
            return False
    except OSError as error:
        if error.errno not in ABSENT_ERRORS:
            return False  # binding it in earnest says what is wrong
        log.warning(
            "not listening: no such IP version or transport here",
            address=str(address),
            reason=error.strerror,
        )
        return True
