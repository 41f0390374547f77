"""Answers peers that ask whether they can be dialled, after having dialled them (33).

Opened by ``service``. Only the IP address that the asker comes from is dialled, within
limits and a deadline, from a new port and outside the swarm: a dial costs this node
and whoever is dialled one handshake, and the existing connection proves nothing.
The library's own server answers without a dial.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog
import trio
from libp2p.abc import INetStream
from libp2p.host.autonat.pb.autonat_pb2 import Message
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.reachability.autonat import (
    AUTONAT,
    AutonatError,
    Status,
    addresses_from_request,
    dial_response,
    read_message,
)
from p2pd.net.reachability.connections import direct_peer_ip, is_open_and_direct
from p2pd.net.reachability.dial_back import answers_at, can_dial_back
from p2pd.net.reachability.endpoints import endpoint_from_address, is_global
from p2pd.net.reachability.limits import DialBackBudget, DialBackLimits
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import connection_of, reset_quietly
from p2pd.net.streams.shares import StreamShares
from p2pd.net.subscribers import subscriber_of

SECONDS = 1.0
READ_TIMEOUT_S = 10 * SECONDS
DIAL_TIMEOUT_S = 6 * SECONDS
"""For all addresses together: three attempts of TCP."""
MAX_ADDRESSES = 4

log = structlog.get_logger(__name__)


class AutonatServer:
    """Serve AutoNAT v1 while it is open.

    Args:
        is_dialled: Whether peers at an IP address are dialled at all.
    """

    def __init__(
        self,
        host: NodeHost,
        rejections: Rejections,
        limits: DialBackLimits | None = None,
        is_dialled: Callable[[str], bool] = is_global,
    ) -> None:
        self.dial_count = 0
        self._host = host
        self._is_dialled = is_dialled
        self._rejections = rejections
        self._shares = StreamShares()
        self._budget = DialBackBudget(limits or DialBackLimits())

    def open(self) -> None:
        """Offer the protocol."""
        self._host.set_stream_handler(AUTONAT, self.serve)

    def close(self) -> None:
        """Offer the protocol no more."""
        self._host.remove_stream_handler(AUTONAT)

    async def serve(self, stream: INetStream) -> None:
        """Answer one request; a peer with too many that do not come is refused."""
        asker = stream.muxed_conn.peer_id
        try:
            with self._shares.share(asker) as is_shared:
                response = await self._response_to(stream) if is_shared else self._refusal()
                with trio.fail_after(READ_TIMEOUT_S):
                    await write_frame(stream, response)
                    await stream.close()
        except BaseException:
            await reset_quietly(stream)
            raise

    async def _response_to(self, stream: INetStream) -> Message:
        asker = stream.muxed_conn.peer_id
        ip = self._public_ip_of(stream)
        if ip is None:
            return self._refusal()
        try:
            with trio.fail_after(READ_TIMEOUT_S):
                asked = addresses_from_request(await read_message(stream), asker)
        # An unknown peer's bytes; the library's reader raises what it likes.
        except (AutonatError, ValueError, trio.TooSlowError) as error:
            self._rejections.count(RejectionReason.AUTONAT_REQUEST_MALFORMED)
            log.debug("autonat request malformed", peer_id=str(asker), error=repr(error))
            return dial_response(Status.E_BAD_REQUEST)
        addresses = dialled_addresses(asked, ip)
        is_admitted = self._budget.admit(str(asker), subscriber_of(ip), trio.current_time())
        if not is_admitted:
            return self._refusal()
        try:
            return await self._dial(asker, addresses) if addresses else self._refusal()
        finally:
            self._budget.release()

    def _refusal(self) -> Message:
        self._rejections.count(RejectionReason.AUTONAT_REQUEST_REFUSED)
        return dial_response(Status.E_DIAL_REFUSED)

    async def _dial(self, asker: ID, addresses: Sequence[Multiaddr]) -> Message:
        self.dial_count += 1
        with trio.move_on_after(DIAL_TIMEOUT_S):
            answering = await first_answering(self._host, asker, addresses)
            if answering is not None:
                return dial_response(Status.OK, answering)
        return dial_response(Status.E_DIAL_ERROR)

    def _public_ip_of(self, stream: INetStream) -> str | None:
        """Name where an asker comes from; None where no dial there would prove anything."""
        connection = connection_of(stream)
        ip = direct_peer_ip(connection) if is_open_and_direct(connection) else None
        return ip if ip is not None and self._is_dialled(ip) else None


def dialled_addresses(asked: Sequence[Multiaddr], ip: str) -> list[Multiaddr]:
    """Choose the addresses to dial: at the asker's own IP, each port once, at most four."""
    chosen: dict[tuple[str, int], Multiaddr] = {}
    for address in asked:
        endpoint = endpoint_from_address(address)
        if endpoint is not None and endpoint.ip == ip and endpoint.port and can_dial_back(endpoint):
            chosen.setdefault((endpoint.transport, endpoint.port), endpoint.address())
    return list(chosen.values())[:MAX_ADDRESSES]


async def first_answering(
    host: NodeHost, peer_id: ID, addresses: Sequence[Multiaddr]
) -> Multiaddr | None:
    """Dial all addresses at once; return the first at which the peer proved its key."""
    answering: list[Multiaddr] = []

    async def attempt(address: Multiaddr, others: trio.CancelScope) -> None:
        if await answers_at(host, peer_id, address):
            answering.append(address)
            others.cancel()

    async with trio.open_nursery() as nursery:
        for address in addresses:
            nursery.start_soon(attempt, address, nursery.cancel_scope)
    return answering[0] if answering else None
