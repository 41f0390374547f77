"""Turns a bootstrap address with a name in it into addresses to dial.

Owns DNS for libp2p: ``/dnsaddr`` by its TXT records, asked without blocking
the loop; ``/dns``, ``/dns4`` and ``/dns6`` by the system's resolver in its
thread, so that a hosts file counts as well. Called by ``bootstrap``.
"""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import dns.asyncresolver
import dns.rdatatype
import dns.rdtypes.ANY.TXT
import structlog
import trio
from multiaddr import Multiaddr

from p2pd.net.multiaddrs import multiaddr_from_text, names_in

MAX_DEPTH = 4
MAX_ADDRESSES = 32
RESOLVE_TIMEOUT_S = 10.0
DNSADDR = "dnsaddr="
FAMILIES = {"dns": socket.AF_UNSPEC, "dns4": socket.AF_INET, "dns6": socket.AF_INET6}

AskText: TypeAlias = Callable[[str], Awaitable[list[str]]]
"""Looks up the TXT strings of a name."""

_log = structlog.get_logger(__name__)


async def resolve(address: Multiaddr, ask_text: AskText | None = None) -> list[Multiaddr]:
    """Resolve the name an address begins with, through every ``dnsaddr`` it leads to.

    Returns:
        At most 32 addresses without names, each with the peer id that
        ``address`` has, where it has one; none where nothing was found in 10 s.

    Source: libp2p specs, addressing/README.md, "dnsaddr".
    """
    found: list[Multiaddr] = []
    with trio.move_on_after(RESOLVE_TIMEOUT_S):
        await _resolve_into(found, address, ask_text or ask_dns_text, MAX_DEPTH)
    return found[:MAX_ADDRESSES]


async def ask_dns_text(name: str) -> list[str]:
    """Ask the system's DNS servers for TXT records."""
    answer = await dns.asyncresolver.resolve(name, dns.rdatatype.TXT)
    records = [record for record in answer if isinstance(record, dns.rdtypes.ANY.TXT.TXT)]
    return [b"".join(record.strings).decode("utf-8", "replace") for record in records]


async def _resolve_into(
    found: list[Multiaddr], address: Multiaddr, ask_text: AskText, depth: int
) -> None:
    kind = names_in(address)[0]
    if kind not in ("dnsaddr", *FAMILIES):
        found.append(address)
        return
    if depth == 0 or len(found) >= MAX_ADDRESSES:
        return
    try:
        step = _dnsaddr_step(address, ask_text) if kind == "dnsaddr" else _host_step(address, kind)
        nexts = await step
    # No network, no such name, a resolver's own surprise: none is news to act on.
    except Exception as error:
        _log.info("name was not resolved", address=str(address), error=repr(error))
        return
    for following in nexts:
        await _resolve_into(found, following, ask_text, depth - 1)


async def _dnsaddr_step(address: Multiaddr, ask_text: AskText) -> list[Multiaddr]:
    host = address.value_for_protocol("dnsaddr")
    texts = await ask_text(f"_dnsaddr.{host}")
    wanted = address.get_peer_id()
    told = [_address_or_none(text[len(DNSADDR) :]) for text in texts if text.startswith(DNSADDR)]
    return [one for one in told if one is not None and wanted in (None, one.get_peer_id())]


async def _host_step(address: Multiaddr, kind: str) -> list[Multiaddr]:
    host = str(address.value_for_protocol(kind))
    infos = await trio.socket.getaddrinfo(
        host, None, family=FAMILIES[kind], type=socket.SOCK_STREAM
    )
    rest = str(address).split("/", 3)[3]
    ips = dict.fromkeys(str(info[4][0]).partition("%")[0] for info in infos)
    return [Multiaddr(f"/ip{6 if ':' in ip else 4}/{ip}/{rest}") for ip in ips]


def _address_or_none(text: str) -> Multiaddr | None:
    try:
        return multiaddr_from_text(text)
    except ValueError:
        return None
