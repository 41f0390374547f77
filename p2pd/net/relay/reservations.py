"""One reservation at a relay: asked for, read, and when to renew it.

``holder`` decides at which relays; the functions here know one.

Source: libp2p specs, relay/circuit-v2.md, "Reservation".
"""

from __future__ import annotations

from dataclasses import dataclass

import trio
from libp2p.abc import INetConn
from libp2p.peer.id import ID
from libp2p.rcmgr import Direction
from libp2p.relay.circuit_v2.pb.circuit_pb2 import HopMessage, Status
from multiaddr import Multiaddr

from p2pd.domain.names import PeerId
from p2pd.domain.reach import RelayReservation
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.relay.addresses import circuit_addresses
from p2pd.net.relay.messages import (
    HOP,
    CircuitLimit,
    RelayError,
    check_status,
    limit_from_message,
    reserve_request,
)
from p2pd.net.relay.streams import read_message
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import open_stream, reset_quietly

RESERVE_TIMEOUT_S = 10.0
LEAST_RENEWAL_S = 5.0
"""Also of a relay that says a reservation ends at once (30)."""
MOST_LIFETIME_S = 24 * 3600.0
ASSUMED_LIFETIME_S = 120.0
"""Of a reservation that seems to be over: the relay's clock is not this node's."""


@dataclass(frozen=True, slots=True)
class Reservation:
    """What a relay has granted.

    Attributes:
        addresses: Relayed addresses of this node, without its own id.
        lifetime_s: How long it lasts from when it was made.
        expire_time_s: Seconds since the epoch, by this node's clock.
    """

    relay_id: ID
    addresses: tuple[Multiaddr, ...]
    lifetime_s: float
    expire_time_s: float
    limit: CircuitLimit

    @property
    def renew_after_s(self) -> float:
        """How long after it was made it is renewed."""
        return max(self.lifetime_s / 2, LEAST_RENEWAL_S)

    def fact(self, own_id: ID) -> RelayReservation:
        """Describe it for whoever asks how this node can be reached."""
        return RelayReservation(
            relay_id=PeerId(str(self.relay_id)),
            addresses=tuple(f"{address}/p2p/{own_id}" for address in self.addresses),
            expire_time_ns=int(self.expire_time_s * 1e9),
            max_circuit_bytes=self.limit.max_bytes,
            max_circuit_s=self.limit.max_s,
        )


async def reserve(host: NodeHost, connection: INetConn, now_s: float) -> Reservation:
    """Ask the peer of a connection for a reservation.

    Args:
        now_s: Seconds since the epoch.

    Raises:
        RelayError: It refuses, or what it says is malformed.
        trio.TooSlowError: It did not answer within 10 s.
        Exception: It is gone, or is no relay.
    """
    with trio.fail_after(RESERVE_TIMEOUT_S):
        stream = await open_stream(host, connection, HOP)
        try:
            await write_frame(stream, reserve_request())
            reply = await read_message(stream, HopMessage)
            await stream.close()
        except BaseException:
            await reset_quietly(stream)
            raise
    return reservation_from_reply(reply, connection.muxed_conn.peer_id, _dialled(connection), now_s)


def reservation_from_reply(
    reply: HopMessage, relay_id: ID, dialled: Multiaddr | None, now_s: float
) -> Reservation:
    """Read a relay's answer.

    Args:
        dialled: Where this node reached the relay, and so others may.

    Raises:
        RelayError: It refuses, or gives no address at which it can be dialled.
    """
    check_status(reply)
    reported = ([dialled] if dialled is not None else []) + list(reply.reservation.addrs)
    addresses = circuit_addresses(reported, relay_id)
    if not addresses:
        raise RelayError(Status.MALFORMED_MESSAGE, "the relay gives no address of its own")
    left_s = float(reply.reservation.expire) - now_s
    lifetime_s = min(left_s, MOST_LIFETIME_S) if left_s > 0 else ASSUMED_LIFETIME_S
    return Reservation(
        relay_id, tuple(addresses), lifetime_s, now_s + lifetime_s, limit_from_message(reply)
    )


def _dialled(connection: INetConn) -> Multiaddr | None:
    if getattr(connection, "direction", None) is not Direction.OUTBOUND:
        return None
    addresses = connection.get_transport_addresses()
    return addresses[0] if addresses else None
