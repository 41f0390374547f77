"""Dialling one peer at several addresses: start them a little apart, keep the first.

Called by ``patches.swarm``. The stock swarm tries one address of each transport
and, when that one answers, still waits 250 ms (42).
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import trio
from libp2p.abc import INetConn
from libp2p.network.exceptions import SwarmException
from libp2p.security.noise.exceptions import PeerIDMismatchesPubkey
from multiaddr import Multiaddr

from p2pd.net.dial_failures import DialFailures, cause_of

HEAD_START_S = 0.25
"""How long an address has before the next is tried as well.

Source: RFC 8305, section 5, "Connection Attempt Delay".
"""
MAX_ADDRESSES = 8

Dial = Callable[[Multiaddr], Awaitable[INetConn]]


@dataclass(slots=True)
class _Race:
    counts: DialFailures
    connection: INetConn | None = None
    failures: list[str] = field(default_factory=list)


async def dial_first_answering(
    addresses: Sequence[Multiaddr], dial: Dial, counts: DialFailures
) -> INetConn:
    """Dial addresses in turn and return the first connection that stands.

    Args:
        counts: Counts why nobody was reached at an address.

    Raises:
        SwarmException: None answered; the message says why, address by address.
    """
    race = _Race(counts)
    async with trio.open_nursery() as nursery:
        for address in addresses[:MAX_ADDRESSES]:
            done = trio.Event()
            nursery.start_soon(_attempt, address, dial, race, done, nursery.cancel_scope)
            with trio.move_on_after(HEAD_START_S):
                await done.wait()
    if race.connection is None:
        raise SwarmException("; ".join(race.failures) or "no address that this node can dial")
    return race.connection


async def _attempt(
    address: Multiaddr,
    dial: Dial,
    race: _Race,
    done: trio.Event,
    others: trio.CancelScope,
) -> None:
    try:
        race.connection = await dial(address)
    # Each transport fails in its own way; here all mean: not at this address.
    except Exception as error:
        race.counts.count_address(address, error)
        race.failures.append(f"{address}: {reason_from_error(error)}")
    else:
        others.cancel()
    finally:
        done.set()


def reason_from_error(error: BaseException) -> str:
    """Return the innermost cause of a failed dial in a few words."""
    match cause_of(error):
        case OSError(errno=int(number)):
            return os.strerror(number).lower()
        case PeerIDMismatchesPubkey():
            return "another peer answers there"
        case cause:
            return str(cause) or type(cause).__name__
