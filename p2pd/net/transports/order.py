"""In which order addresses are dialled, and announced to others. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain, zip_longest

from multiaddr import Multiaddr

from p2pd.net.transports.record import Transport
from p2pd.net.transports.records import QUIC, TCP, transport_of

LOOPBACK_STARTS = ("/ip4/127.", "/ip6/::1/")
UNKNOWN_RANK = 9


def is_loopback(address: Multiaddr) -> bool:
    """Return whether only this machine can dial an address."""
    return str(address).startswith(LOOPBACK_STARTS)


def dialling_order(addresses: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Sort addresses, each once, the likeliest first.

    TCP and QUIC take turns, TCP first: where one of them is blocked, the other is
    dialled 250 ms later, however many addresses a peer has. What is for browsers
    comes after both, loopback last among its own.
    """
    ranked = sorted(dict.fromkeys(addresses), key=_rank)
    first = [address for address in ranked if TCP.matches(address)]
    second = [address for address in ranked if QUIC.matches(address)]
    turns = chain.from_iterable(zip_longest(first, second))
    in_turn = [address for address in turns if address is not None]
    return in_turn + [address for address in ranked if address not in in_turn]


def announcing_order(addresses: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Sort addresses by transport, IPv4 first; loopback only where there is nothing else."""
    return without_loopback(sorted(addresses, key=_announcing_key))


def without_loopback(addresses: Iterable[Multiaddr]) -> list[Multiaddr]:
    """Leave out what only this machine can dial, unless there is nothing else."""
    known = list(addresses)
    return [address for address in known if not is_loopback(address)] or known


def _rank(address: Multiaddr) -> tuple[int, bool]:
    return _transport_rank(transport_of(address)), is_loopback(address)


def _announcing_key(address: Multiaddr) -> tuple[int, bool]:
    return _transport_rank(transport_of(address)), str(address).startswith("/ip6/")


def _transport_rank(transport: Transport | None) -> int:
    return UNKNOWN_RANK if transport is None else transport.rank
