"""A dial that brings a nonce to a peer, as a peer that the other has no connection to.

Called by ``server_v2``. It has an identity and sockets of its own, bound to no port: the
connection that the asker has does not answer for it, and neither swarm mixes the two.

Source: libp2p specs, autonat/autonat-v2.md, "Implementation Suggestions".
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog
import trio
from libp2p.abc import IMuxedConn, IMuxedStream
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from multiaddr import Multiaddr
from wsp.autonat.v2.autonat_pb2 import DialBack, DialStatus

from p2pd.domain.rejections import Rejections
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.quic.transport import QuicTransport
from p2pd.net.reachability.autonat_v2 import DIAL_BACK
from p2pd.net.reachability.dial_back import CLOSE_TIMEOUT_S, raw_connection
from p2pd.net.streams.framed import write_frame
from p2pd.net.upgrading import upgrader_of

SECONDS = 1.0
DIAL_TIMEOUT_S = 6 * SECONDS
"""Three attempts of TCP."""
DELIVERY_TIMEOUT_S = 5 * SECONDS
RECEIPT_BYTES = 16

log = structlog.get_logger(__name__)


class NonceDialler:
    """Dial as another peer than this node."""

    def __init__(self, host: NodeHost, rejections: Rejections) -> None:
        self._host = host
        self._key_pair = create_new_key_pair()
        self._upgrader = upgrader_of(self._key_pair, rejections)

    async def deliver(self, peer_id: ID, address: Multiaddr, nonce: int) -> DialStatus.ValueType:
        """Dial an address, bring the nonce, and report how far that came; never raises.

        Cancellation: the connection is closed.
        """
        status = DialStatus.DIAL_STATUS_E_DIAL_ERROR
        try:
            with trio.CancelScope(deadline=trio.current_time() + DIAL_TIMEOUT_S) as scope:
                async with self._connection(peer_id, address) as connection:
                    status = DialStatus.DIAL_STATUS_E_DIAL_BACK_ERROR
                    scope.deadline = trio.current_time() + DELIVERY_TIMEOUT_S
                    stream = await self._bring(connection, nonce)
                    status = DialStatus.DIAL_STATUS_OK
                    # The connection is closed next, and with it what was not read yet.
                    await stream.read(RECEIPT_BYTES)
        # Each layer fails in its own way; how far it came is what is reported.
        except Exception as error:
            log.debug("no dial back", address=str(address), error=repr(error))
        return status

    async def _bring(self, connection: IMuxedConn, nonce: int) -> IMuxedStream:
        stream = await connection.open_stream()
        communicator = MultiselectCommunicator(stream)
        await self._host.multiselect_client.select_one_of([DIAL_BACK], communicator)
        await write_frame(stream, DialBack(nonce=nonce))
        return stream

    @asynccontextmanager
    async def _connection(self, peer_id: ID, address: Multiaddr) -> AsyncIterator[IMuxedConn]:
        transport = self._host.swarm.transport_manager.transport_for_dialing(address)
        if isinstance(transport, QuicTransport):
            as_other = transport.as_peer(self._key_pair.private_key)
            async with as_other.connection_from_new_socket(address, peer_id) as connection:
                yield connection
            return
        raw = await raw_connection(self._host, address)
        try:
            secured = await self._upgrader.upgrade_security(raw, True, peer_id)
            muxed = await self._upgrader.upgrade_connection(secured, peer_id)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(muxed.start)
                await muxed.event_started.wait()
                yield muxed
                nursery.cancel_scope.cancel()
        finally:
            with trio.move_on_after(CLOSE_TIMEOUT_S) as scope:
                scope.shield = True
                await raw.close()
