"""A dial that only finds out whether a peer answers at an address.

Called by ``server``, and for its first step by ``nonce_dial``. It uses a socket of its own,
bound to no port: a router that lets in what comes from a port it has seen must not answer
for the peer. The peer proves its key in the secure handshake; then the connection is
closed, and the swarm never sees it.
"""

from __future__ import annotations

import structlog
import trio
from libp2p.io.trio import TrioTCPStream
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.patches.transports import AddressedWebsocket
from p2pd.net.quic.transport import QuicTransport
from p2pd.net.reachability.endpoints import Endpoint, endpoint_from_address

CLOSE_TIMEOUT_S = 1.0
DIALLED = (("tcp", ""), ("tcp", "/ws"), ("udp", "/quic-v1"))

log = structlog.get_logger(__name__)


def can_dial_back(endpoint: Endpoint) -> bool:
    """Return whether this node can dial there as an unknown peer: by TCP, WebSocket or QUIC."""
    return (endpoint.transport, endpoint.suffix) in DIALLED


async def answers_at(host: NodeHost, peer_id: ID, address: Multiaddr) -> bool:
    """Dial an address and return whether the peer itself answers; the caller sets the deadline."""
    try:
        transport = host.swarm.transport_manager.transport_for_dialing(address)
        if isinstance(transport, QuicTransport):
            await transport.probe(address, peer_id)
        else:
            await _probe_stream(host, peer_id, address)
    # Each layer fails in its own way; here all mean: not at this address.
    except Exception as error:
        log.debug("no answer to a dial back", address=str(address), error=repr(error))
        return False
    return True


async def _probe_stream(host: NodeHost, peer_id: ID, address: Multiaddr) -> None:
    raw: RawConnection | None = None
    try:
        raw = await raw_connection(host, address)
        await host.swarm.upgrader.upgrade_security(raw, True, peer_id)
    finally:
        if raw is not None:
            with trio.move_on_after(CLOSE_TIMEOUT_S) as scope:
                scope.shield = True
                await raw.close()


async def raw_connection(host: NodeHost, address: Multiaddr) -> RawConnection:
    """Dial TCP or WebSocket from a new port.

    Raises:
        Exception: Nobody answers, in as many ways as there are layers.
    """
    endpoint = endpoint_from_address(address)
    if endpoint is None or not can_dial_back(endpoint):
        raise ValueError("it is of no transport that is dialled back")
    if endpoint.suffix:
        transport = host.swarm.transport_manager.transport_for_dialing(address)
        if isinstance(transport, AddressedWebsocket):
            return await transport.dial(address)
        raise ValueError("this node has no WebSocket")
    stream = await trio.open_tcp_stream(endpoint.ip, endpoint.port)
    return RawConnection(TrioTCPStream(stream), True)
