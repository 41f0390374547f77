"""Why dials failed, counted by a reason and a transport. Filled by ``patches.swarm``.

A reason is one of the few here, never a peer's or a library's own words, so that the
table is bounded by the code.
"""

from __future__ import annotations

import errno
from collections import Counter
from enum import StrEnum

import trio
from libp2p.security.noise.exceptions import PeerIDMismatchesPubkey
from multiaddr import Multiaddr

from p2pd.net.multiaddrs import names_in
from p2pd.net.relay.messages import RelayError
from p2pd.net.transports import transport_of

ANY_TRANSPORT = "any"
"""Of a dial that failed before, or besides, each of its addresses."""
RELAY = "relay"


class DialFailure(StrEnum):
    """Why a dial failed."""

    REFUSED = "refused"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    CLOSED = "closed"
    WRONG_PEER = "wrong_peer"
    NOT_RELAYED = "not_relayed"
    NO_ADDRESS = "no_address"
    FULL = "full"
    OTHER = "other"


_OF_ERRNO = {
    errno.ECONNREFUSED: DialFailure.REFUSED,
    errno.ENETUNREACH: DialFailure.UNREACHABLE,
    errno.EHOSTUNREACH: DialFailure.UNREACHABLE,
    errno.ENETDOWN: DialFailure.UNREACHABLE,
    errno.EADDRNOTAVAIL: DialFailure.UNREACHABLE,
    errno.EAFNOSUPPORT: DialFailure.UNREACHABLE,
    errno.ETIMEDOUT: DialFailure.TIMEOUT,
    errno.ECONNRESET: DialFailure.CLOSED,
    errno.EPIPE: DialFailure.CLOSED,
}

DialTotals = tuple[tuple[tuple[str, str], int], ...]
"""How many dials failed, by reason and transport."""


def cause_of(error: BaseException) -> BaseException:
    """Return the innermost cause of a failed dial that says something."""
    while True:
        match error:
            case OSError(errno=int()) | PeerIDMismatchesPubkey() | RelayError():
                return error
            case BaseExceptionGroup():
                error = error.exceptions[0]
            case BaseException(__cause__=BaseException() as cause):
                error = cause
            case _:
                return error


def failure_from_error(error: BaseException) -> DialFailure:
    """Classify the failure of a dial."""
    match cause_of(error):
        case PeerIDMismatchesPubkey():
            return DialFailure.WRONG_PEER
        case RelayError():
            return DialFailure.NOT_RELAYED
        case TimeoutError() | trio.TooSlowError():
            return DialFailure.TIMEOUT
        case OSError(errno=int(number)):
            return _OF_ERRNO.get(number, DialFailure.OTHER)
        case ConnectionError() | trio.BrokenResourceError() | EOFError():
            return DialFailure.CLOSED
        case _:
            return DialFailure.OTHER


class DialFailures:
    """The counts; one writer, the trio thread."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()

    @property
    def totals(self) -> DialTotals:
        """How many there were so far."""
        return tuple(sorted(self._counts.items()))

    def count(self, failure: DialFailure) -> None:
        """Count a dial that failed as a whole."""
        self._counts[failure.value, ANY_TRANSPORT] += 1

    def count_address(self, address: Multiaddr, error: BaseException) -> None:
        """Count that nobody was reached at one address."""
        self._counts[failure_from_error(error).value, _transport_name(address)] += 1


def _transport_name(address: Multiaddr) -> str:
    if "p2p-circuit" in names_in(address):
        return RELAY
    transport = transport_of(address)
    return ANY_TRANSPORT if transport is None else transport.name
