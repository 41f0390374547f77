"""Invites: a room, a peer in it and the addresses at which the peer can be dialled. Pure.

Made and accepted by ``p2pd.chat.invites``; ``p2pd.api`` writes one as a line of text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_address

from p2pd.domain.names import PeerId, RoomName
from p2pd.domain.peers import Peer
from p2pd.domain.rooms import Room

MAX_ADDRESS_CHARS = 256
"""Peers read none that is longer."""
MAX_ADDRESSES = 5
"""A line with more would be a QR code that phones read badly."""


@dataclass(frozen=True, slots=True)
class Invite:
    """Where to find a member of a room.

    Attributes:
        addresses: Multiaddrs without the peer's id, best first.
    """

    room: RoomName
    peer_id: PeerId
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What came of an invite.

    Attributes:
        peer: Without a connection where the peer did not answer.
        failure: Why there is none, in a sentence; empty where there is one.
    """

    room: Room
    peer: Peer
    failure: str


class _Scope(IntEnum):
    """From where an address can be dialled, the widest first."""

    INTERNET = 0
    RELAYED = 1
    LOCAL_NETWORK = 2
    MACHINE = 3


_QUOTAS = {_Scope.INTERNET: 2, _Scope.RELAYED: 2, _Scope.LOCAL_NETWORK: 1, _Scope.MACHINE: 0}
"""How many of each scope come first, so that five of one kind leave none out."""


def best_addresses(addresses: Iterable[str], max_count: int = MAX_ADDRESSES) -> tuple[str, ...]:
    """Choose addresses that work from outside, then from nearby; best first.

    Addresses of the internet come before those over relays, and those before the ones
    of the local network; each scope is present where there is room. Addresses that
    only this machine can dial are chosen where there are no others. Within a scope
    the order stays.
    """
    known = [each for each in dict.fromkeys(addresses) if len(each) <= MAX_ADDRESS_CHARS]
    wider = [each for each in known if _scope_of(each) is not _Scope.MACHINE]
    ranked = sorted(wider or known, key=_scope_of)
    taken: Counter[_Scope] = Counter()
    first: list[str] = []
    others: list[str] = []
    for address in ranked:
        scope = _scope_of(address)
        taken[scope] += 1
        (first if taken[scope] <= _QUOTAS[scope] else others).append(address)
    return tuple(sorted((first + others)[:max_count], key=_scope_of))


def _scope_of(address: str) -> _Scope:
    """Return from where an address can be dialled; one with a name, from everywhere."""
    if "/p2p-circuit" in address:
        return _Scope.RELAYED
    _, kind, host, *_ = (*address.split("/"), "", "", "")
    if kind not in ("ip4", "ip6"):
        return _Scope.INTERNET
    try:
        ip = ip_address(host)
    except ValueError:
        return _Scope.LOCAL_NETWORK
    if ip.is_loopback or ip.is_unspecified:
        return _Scope.MACHINE
    return _Scope.INTERNET if ip.is_global else _Scope.LOCAL_NETWORK
