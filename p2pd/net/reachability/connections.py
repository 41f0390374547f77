"""What this package reads off libp2p's connections.

Called by ``prober``, ``server`` and ``service``.
"""

from __future__ import annotations

from libp2p.abc import INetConn
from libp2p.rcmgr import Direction

from p2pd.net.patches.swarm import is_relayed
from p2pd.net.reachability.endpoints import endpoint_from_address


def direct_peer_ip(connection: INetConn) -> str | None:
    """Return the IP address at the other end; None where it is behind a relay or unknown."""
    for address in connection.get_transport_addresses():
        endpoint = endpoint_from_address(address)
        if endpoint is not None:
            return endpoint.ip
    return None


def is_open_and_direct(connection: INetConn) -> bool:
    """Return whether a connection stands and runs through no relay."""
    return not connection.is_closed and not is_relayed(connection)


def is_inbound(connection: INetConn) -> bool:
    """Return whether the peer has dialled."""
    return getattr(connection, "direction", None) is Direction.INBOUND
