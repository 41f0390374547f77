"""Which addresses a node may listen on, checked before anything is started.

Called by ``p2pd.net.host``. The library itself stays silent about an address it
cannot listen on, and shares a TCP port between transports and even processes.
"""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing

from multiaddr import Multiaddr

from p2pd.net.errors import ListenError
from p2pd.net.multiaddrs import multiaddr_from_text, names_in

WEBSOCKET = frozenset({"ws"})
TRANSPORTS = frozenset({"ip4", "ip6", "tcp", "ws"})


def listen_addresses_from_text(texts: Iterable[str]) -> tuple[Multiaddr, ...]:
    """Read the addresses to listen on and check that they can be had.

    Raises:
        ListenError: One is malformed, of a transport that is not there, shares
            its port (15), is in use or not of this machine (17).
    """
    addresses = tuple(_listen_address_from_text(text) for text in texts)
    _refuse_shared_ports(addresses)
    for address in addresses:
        _refuse_unbindable(address)
    return addresses


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
    host, port = _endpoint(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with closing(socket.socket(family, socket.SOCK_STREAM)) as claim:
            claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            claim.bind((host, port))
            claim.listen(1)
    except OSError as error:
        raise ListenError(f"cannot listen on {address}: {error.strerror}") from error


def _endpoint(address: Multiaddr) -> tuple[str, int]:
    host = address.value_for_protocol(names_in(address)[0])
    return str(host), int(str(address.value_for_protocol("tcp")))


def _is_websocket(address: Multiaddr) -> bool:
    return not WEBSOCKET.isdisjoint(names_in(address))
