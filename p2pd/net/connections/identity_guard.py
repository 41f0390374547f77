"""Connections that lead to another program with an identity already in use.

What distinguishes two such programs is in ``identity_conflicts``. Used by ``watch``
for each connection that opens, and by ``caller_dials`` before a caller is answered that
a peer is connected.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
import trio
from libp2p.abc import INetConn
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.peer.peerinfo import PeerInfo

from p2pd.domain.peers import NodeWarning
from p2pd.net.connections.identity_conflicts import IdentityConflicts, is_same_program
from p2pd.net.connections.keepalive import close_quietly
from p2pd.net.connections.registry import Registry
from p2pd.net.multiaddrs import sound_addresses
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.patches.names import without_peer_id

CARRIES_WITHIN_S = 5.0
LOOK_EVERY_S = 0.02
PROBE_TIMEOUT_S = 5.0
MAX_PROBED = 4

log = structlog.get_logger(__name__)


class IdentityGuard:
    """Refuse connections that carry nothing because an identity is used twice.

    Args:
        hears: Whether gossip has a stream that a peer opened.
    """

    def __init__(self, host: NodeHost, registry: Registry, hears: Callable[[ID], bool]) -> None:
        self._host = host
        self._registry = registry
        self._hears = hears
        self._conflicts = IdentityConflicts(host)

    @property
    def warnings(self) -> tuple[NodeWarning, ...]:
        """The conflicts found since the start, oldest first."""
        return self._conflicts.warnings

    def close(self) -> None:
        """Answer no more questions for this program's instance."""
        self._conflicts.close()

    async def is_of_another_program(self, connection: INetConn) -> bool:
        """Compare a second connection of one peer id with the first."""
        known = self._registry.connections_to(connection.muxed_conn.peer_id)
        others = [each.connection for each in known if each.connection is not connection]
        return bool(others) and await self._conflicts.is_conflicting(connection, others)

    async def wait_carrying(self, connection: INetConn, since_s: float) -> None:
        """Wait until the peer sends over a connection as its protocols promise.

        Args:
            since_s: Reports of a conflict from then on count, on trio's clock.

        Raises:
            SwarmException: It does not, or reports another program of our identity.
        """
        peer_id = connection.muxed_conn.peer_id
        with trio.move_on_after(CARRIES_WITHIN_S):
            while not self._conflicts.is_reported_by(peer_id, since_s):
                identity = self._host.identity_of(peer_id)
                if connection.is_closed:
                    raise SwarmException("the peer closes its connections at once")
                if self._hears(peer_id) or (identity and not is_same_program(identity)):
                    return
                await trio.sleep(LOOK_EVERY_S)
        if self._host.identity_of(peer_id) is None:
            return
        await close_quietly(connection)
        raise SwarmException(
            "the connection carries nothing: another program with this node's identity "
            "may be connected to the peer"
        )

    async def find_other_self(self, info: PeerInfo) -> bool:
        """Dial this node's own identity where this node is not; a copy may answer."""
        own = {without_peer_id(address) for address in self._host.get_addrs()}
        addresses = [each for each in sound_addresses(info.addrs) if each not in own]
        for address in addresses[:MAX_PROBED]:
            with trio.move_on_after(PROBE_TIMEOUT_S):
                try:
                    connection = await self._host.swarm.dial_addr(address, info.peer_id)
                # Boundary: nobody answers there, or another peer does.
                except Exception as error:
                    log.debug("no copy of this node answers", error=repr(error))
                else:
                    return await self.refuse_own_identity(connection)
        return False

    async def refuse_own_identity(self, connection: INetConn) -> bool:
        """Close a connection to this node's own identity, whoever opened it.

        Returns:
            Whether another program is at its other end.
        """
        try:
            return await self._conflicts.is_conflicting(connection, ())
        finally:
            await close_quietly(connection)
