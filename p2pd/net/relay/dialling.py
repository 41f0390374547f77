"""Dialling a peer through a relay that holds a reservation of it.

Given to the swarm by ``holder``, which calls it for every relayed address.
"""

from __future__ import annotations

from libp2p.abc import INetConn, INetStream
from libp2p.network.exceptions import SwarmException
from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.pb.circuit_pb2 import HopMessage
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.relay.addresses import RelayPath, path_from_address
from p2pd.net.relay.circuit import CircuitConnection, address_behind
from p2pd.net.relay.messages import (
    HOP,
    CircuitLimit,
    RelayError,
    connect_request,
    limit_from_status,
)
from p2pd.net.relay.streams import read_message
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import open_stream, reset_quietly


class CircuitDialler:
    """Open connections through relays; the caller sets the deadline."""

    def __init__(self, host: NodeHost, rejections: Rejections) -> None:
        self._host = host
        self._rejections = rejections

    async def dial(self, address: Multiaddr, peer_id: ID, is_named: bool) -> INetConn:
        """Connect to a peer at a relayed address.

        Args:
            is_named: Whether somebody here named the address; else a relay at a private
                address is dialled as the settings say.

        Raises:
            SwarmException: The relay is not reached, or refuses, or the peer does.

        Cancellation: what was opened for it is reset.
        """
        try:
            path = path_from_address(address)
        except ValueError as error:
            raise SwarmException(f"not an address through a relay: {error}") from error
        if peer_id == path.relay_id or path.relay_id == self._host.get_id():
            raise SwarmException("a relay does not relay to itself")
        connection = await self._connection_to(path, is_named)
        stream = await open_stream(self._host, connection, HOP)
        try:
            limit = await self._ask(stream, peer_id)
            raw = CircuitConnection(
                stream, is_initiator=True, address=address_behind(connection), limit=limit
            )
            return await self._host.swarm.upgrade_outbound_raw_conn(raw, peer_id)
        except BaseException:
            await reset_quietly(stream)
            raise

    async def _connection_to(self, path: RelayPath, is_named: bool) -> INetConn:
        addresses = [path.relay_address] if path.relay_address is not None else []
        named = None if is_named else ()
        return await self._host.swarm.dial_direct(path.relay_id, addresses, named=named)

    async def _ask(self, stream: INetStream, peer_id: ID) -> CircuitLimit:
        await write_frame(stream, connect_request(peer_id))
        try:
            return limit_from_status(await read_message(stream, HopMessage))
        except RelayError as error:
            if error.is_fault:
                self._rejections.count(RejectionReason.RELAY_REPLY_INVALID)
            raise SwarmException(f"no circuit: {error}") from error
