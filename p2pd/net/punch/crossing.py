"""A connection that both ends begin at once, with one end as the server on it.

Called by ``attempt``. Two SYNs that cross make one connection without an accepting
end, so what runs on it must be given which end is which.

Source: libp2p specs, relay/DCUtR.md, "The Protocol", step 5.
"""

from __future__ import annotations

import random
from typing import NoReturn

import trio
from libp2p.abc import INetConn
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.net.patches.swarm import NodeSwarm
from p2pd.net.patches.transports import AddressedTcp
from p2pd.net.quic.transport import QuicTransport

CLOSE_TIMEOUT_S = 1.0
PROBE_INTERVAL_S = (0.01, 0.2)


async def dial_crossing(
    swarm: NodeSwarm, address: Multiaddr, peer_id: ID, *, is_server: bool
) -> INetConn:
    """Dial from the listening port and secure what comes of it, in the given role.

    Raises:
        SwarmException: The swarm has no TCP, or another peer answers.
        OSError: Nobody answers, or nothing listens here.
        Exception: The handshake failed, in the ways of the library.

    Cancellation: the connection is closed; the caller sets the deadline.
    """
    transport = swarm.transport_manager.transport_for_dialing(address)
    if not isinstance(transport, AddressedTcp):
        raise SwarmException("only TCP connections can cross")
    stream = await transport.dial_from_listener(address)
    raw = RawConnection(stream, not is_server, addresses=[address])
    try:
        if not is_server:
            return await swarm.upgrade_outbound_raw_conn(raw, peer_id)
        return await _serve(swarm, raw, peer_id)
    except BaseException:
        with trio.move_on_after(CLOSE_TIMEOUT_S) as scope:
            scope.shield = True
            await raw.close()
        raise


async def send_probes(swarm: NodeSwarm, address: Multiaddr) -> NoReturn:
    """Send datagrams from the listening port until cancelled.

    The router takes those of the peer for answers, and so lets its dial in.

    Raises:
        SwarmException: The swarm has no QUIC.
        OSError: There is no way to that address.
    """
    transport = swarm.transport_manager.transport_for_dialing(address)
    if not isinstance(transport, QuicTransport):
        raise SwarmException("this node has no QUIC")
    while True:
        transport.send_probe(address)
        await trio.sleep(random.uniform(*PROBE_INTERVAL_S))


async def _serve(swarm: NodeSwarm, raw: RawConnection, peer_id: ID) -> INetConn:
    """Secure a connection as its server; for the node it is outbound: it was dialled."""
    secured = await swarm.upgrader.upgrade_security(raw, False)
    if secured.get_remote_peer() != peer_id:
        raise SwarmException("another peer answers there")
    muxed = await swarm.upgrader.upgrade_connection(secured, peer_id)
    return await swarm.add_conn(muxed, direction="outbound")
