"""Circuits that a relay brings: checked, accepted, and served like any inbound connection.

Made by ``holder``, which knows at which relays this node has asked for a reservation.
"""

from __future__ import annotations

from collections.abc import Callable

import trio
from libp2p.abc import INetConn, INetStream
from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.pb.circuit_pb2 import Status, StopMessage

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.relay.circuit import CircuitConnection, address_behind
from p2pd.net.relay.messages import (
    STOP,
    RelayError,
    StopRequest,
    stop_request_from_message,
    stop_status,
)
from p2pd.net.relay.streams import read_message
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import connection_of

REQUEST_TIMEOUT_S = 10.0


class CircuitAcceptor:
    """Serve the stop protocol.

    Args:
        is_relay: Whether this node has asked a peer to relay to it.
    """

    def __init__(
        self, host: NodeHost, is_relay: Callable[[ID], bool], rejections: Rejections
    ) -> None:
        self._host = host
        self._is_relay = is_relay
        self._rejections = rejections
        host.set_stream_handler(STOP, self.serve)

    def close(self) -> None:
        """Serve the protocol no more."""
        self._host.remove_stream_handler(STOP)

    async def serve(self, stream: INetStream) -> None:
        """Accept one circuit and serve the connection on it until that ends.

        Raises:
            StreamError: The relay went away; or another failure of its stream.
        """
        connection = connection_of(stream)
        request = None
        with trio.move_on_after(REQUEST_TIMEOUT_S) as scope:
            request = await self._accept(stream)
        if scope.cancelled_caught:
            self._rejections.count(RejectionReason.RELAY_OFFER_MALFORMED)
            await stream.reset()
        elif request is not None:
            await self._serve_circuit(stream, connection, request)

    async def _accept(self, stream: INetStream) -> StopRequest | None:
        """Read what the relay offers and answer; None where it is refused."""
        try:
            request = stop_request_from_message(await read_message(stream, StopMessage))
            if not self._is_relay(stream.muxed_conn.peer_id):
                self._rejections.count(RejectionReason.RELAY_OFFER_UNEXPECTED)
                raise RelayError(Status.PERMISSION_DENIED)
        except RelayError as error:
            if error.is_fault:
                self._rejections.count(RejectionReason.RELAY_OFFER_MALFORMED)
            await write_frame(stream, stop_status(error.status))
            await stream.close()
            return None
        await write_frame(stream, stop_status(Status.OK))
        return request

    async def _serve_circuit(
        self, stream: INetStream, connection: INetConn, request: StopRequest
    ) -> None:
        raw = CircuitConnection(
            stream, is_initiator=False, address=address_behind(connection), limit=request.limit
        )
        await self._host.swarm.serve_relayed(raw, f"relay {connection.muxed_conn.peer_id}")
