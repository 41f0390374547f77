"""One attempt at a direct connection: dials that cross with those of the peer.

A router lets in what comes from where its machine has just dialled; so both ends dial
at once, from the port that the other end dials. Called by ``service``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog
import trio
from libp2p.abc import INetConn
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.net.dial_failures import DialFailure, failure_from_error
from p2pd.net.patches.swarm import NodeSwarm
from p2pd.net.punch.crossing import dial_crossing, send_probes
from p2pd.net.transports import QUIC, TCP, Transport

ATTEMPT_S = 3.5
"""For the SYN, for one more a second later where the first was dropped, and a handshake."""
PLAIN_AFTER_S = 0.3
"""The crossing dial has this head start over one that crosses with nothing."""

REFUSED_PAUSE_S = 0.2
NOT_OPEN_YET = (DialFailure.REFUSED, DialFailure.UNREACHABLE)

log = structlog.get_logger(__name__)

Dial = Callable[[Multiaddr], Awaitable[INetConn]]


async def dial_directly(
    swarm: NodeSwarm, peer_id: ID, addresses: Sequence[Multiaddr], *, is_server: bool
) -> None:
    """Dial all addresses at once; returns when a connection stands, or none will.

    Args:
        is_server: Whether this end is the server on what crosses: the initiator is.
            It also dials as anybody would, since the peer may be open to all, and then
            answers as a server itself.

    Cancellation: ends the dials that are under way.
    """
    plan = _server_dials(swarm, peer_id) if is_server else _client_dials(swarm, peer_id)
    with trio.move_on_after(ATTEMPT_S):
        async with trio.open_nursery() as nursery:
            for address in addresses:
                for transport, dial in plan:
                    if transport.matches(address):
                        nursery.start_soon(_try, dial, address, nursery.cancel_scope)


def _client_dials(swarm: NodeSwarm, peer_id: ID) -> Sequence[tuple[Transport, Dial]]:
    """Cross with what the server sends; QUIC dials from its listening port as it is."""

    async def cross(address: Multiaddr) -> INetConn:
        return await dial_crossing(swarm, address, peer_id, is_server=False)

    async def dial(address: Multiaddr) -> INetConn:
        return await _dial_refused_too(swarm, address, peer_id)

    return (TCP, cross), (QUIC, dial)


def _server_dials(swarm: NodeSwarm, peer_id: ID) -> Sequence[tuple[Transport, Dial]]:
    """Cross with what the client sends; and dial as anybody would."""

    async def cross(address: Multiaddr) -> INetConn:
        return await dial_crossing(swarm, address, peer_id, is_server=True)

    async def probe(address: Multiaddr) -> INetConn:
        return await send_probes(swarm, address)

    async def dial(address: Multiaddr) -> INetConn:
        await trio.sleep(PLAIN_AFTER_S)
        return await swarm.dial_addr(address, peer_id)

    async def dial_datagrams(address: Multiaddr) -> INetConn:
        await trio.sleep(PLAIN_AFTER_S)
        return await _dial_refused_too(swarm, address, peer_id)

    return (TCP, cross), (QUIC, probe), (TCP, dial), (QUIC, dial_datagrams)


async def _dial_refused_too(swarm: NodeSwarm, address: Multiaddr, peer_id: ID) -> INetConn:
    """Dial until the hole is open: until then a router may refuse instead of being silent.

    Raises:
        SwarmException: It fails in another way.
    """
    while True:
        try:
            return await swarm.dial_addr(address, peer_id)
        except SwarmException as error:
            if failure_from_error(error) not in NOT_OPEN_YET:
                raise
        await trio.sleep(REFUSED_PAUSE_S)


async def _try(dial: Dial, address: Multiaddr, others: trio.CancelScope) -> None:
    try:
        await dial(address)
    # Boundary: dials fail in many ways; here all mean that the hole is not open.
    except Exception as error:
        log.debug("no way through", address=str(address), error=repr(error))
    else:
        others.cancel()
