"""Answers peers that ask whether one of their addresses can be dialled (AutoNAT v2).

Opened by ``service`` beside ``server``. The first address is dialled that this node can
dial at all. One at another IP address than the asker's costs it more bytes than the dial
costs whoever is dialled, so that nobody gains by having this node dial others.

Source: libp2p specs, autonat/autonat-v2.md, "Amplification Attack Prevention".
"""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import closing

import structlog
import trio
from libp2p.abc import INetStream
from multiaddr import Multiaddr
from wsp.autonat.v2.autonat_pb2 import DialResponse, Message

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.reachability.autonat import AutonatError
from p2pd.net.reachability.autonat_v2 import (
    DIAL_REQUEST,
    MAX_DIAL_DATA_BYTES,
    MIN_DIAL_DATA_BYTES,
    addresses_from_request,
    dial_data_request,
    dial_response,
    read_message,
)
from p2pd.net.reachability.connections import direct_peer_ip, is_open_and_direct
from p2pd.net.reachability.dial_back import can_dial_back
from p2pd.net.reachability.endpoints import Endpoint, endpoint_from_address, is_global
from p2pd.net.reachability.limits import ADDRESS_LIMITS, DialBackBudget, DialBackLimits
from p2pd.net.reachability.nonce_dial import NonceDialler
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import connection_of, reset_quietly
from p2pd.net.streams.shares import StreamShares
from p2pd.net.subscribers import subscriber_of

SECONDS = 1.0
READ_TIMEOUT_S = 10 * SECONDS
PAYMENT_TIMEOUT_S = 15 * SECONDS
MIN_PART_BYTES = 100
"""Smaller parts would cost this node more than they are worth; the last may be smaller."""
MOST_PAUSE_S = 3 * SECONDS
"""Before a dial that was paid for: many that are asked at once do not dial at once."""

Status = DialResponse.ResponseStatus
log = structlog.get_logger(__name__)


class AddressServer:
    """Serve AutoNAT v2 while it is open.

    Args:
        is_dialled: Whether an IP address is dialled at all.
    """

    def __init__(
        self,
        host: NodeHost,
        rejections: Rejections,
        limits: DialBackLimits = ADDRESS_LIMITS,
        is_dialled: Callable[[str], bool] = is_global,
    ) -> None:
        self.dial_count = 0
        self._host = host
        self._rejections = rejections
        self._is_dialled = is_dialled
        self._shares = StreamShares()
        self._budget = DialBackBudget(limits)
        self._dialler = NonceDialler(host, rejections)

    def open(self) -> None:
        """Offer the protocol."""
        self._host.set_stream_handler(DIAL_REQUEST, self.serve)

    def close(self) -> None:
        """Offer the protocol no more."""
        self._host.remove_stream_handler(DIAL_REQUEST)

    async def serve(self, stream: INetStream) -> None:
        """Answer one request; a malformed one is counted, and its stream reset."""
        asker = stream.muxed_conn.peer_id
        try:
            with self._shares.share(asker) as is_shared:
                response = await self._response_to(stream) if is_shared else self._refusal()
                with trio.fail_after(READ_TIMEOUT_S):
                    await write_frame(stream, response)
                    await stream.close()
        # An unknown peer's bytes, or none in time.
        except (AutonatError, trio.TooSlowError) as error:
            self._rejections.count(RejectionReason.AUTONAT_REQUEST_MALFORMED)
            log.debug("autonat request malformed", peer_id=str(asker), error=repr(error))
            await reset_quietly(stream)
        except BaseException:
            await reset_quietly(stream)
            raise

    async def _response_to(self, stream: INetStream) -> Message:
        connection = connection_of(stream)
        ip = direct_peer_ip(connection) if is_open_and_direct(connection) else None
        if ip is None or not self._is_dialled(ip):
            return self._refusal()
        with trio.fail_after(READ_TIMEOUT_S):
            request = await read_message(stream)
        chosen = next(self._dialled(addresses_from_request(request)), None)
        if chosen is None:
            return self._refusal(Status.RESPONSE_STATUS_E_DIAL_REFUSED)
        peer, network = str(stream.muxed_conn.peer_id), subscriber_of(ip)
        if not self._budget.admit(peer, network, trio.current_time()):
            return self._refusal()
        try:
            return await self._dial(stream, ip, *chosen, request.dial_request.nonce)
        finally:
            self._budget.release()

    def _dialled(self, asked: list[tuple[int, Multiaddr]]) -> Iterator[tuple[int, Endpoint]]:
        """Choose the addresses that this node dials for others."""
        for index, address in asked:
            endpoint = endpoint_from_address(address)
            if (
                endpoint is not None
                and endpoint.port
                and can_dial_back(endpoint)
                and self._is_dialled(endpoint.ip)
                and _has_way_to(endpoint)
            ):
                yield index, endpoint

    async def _dial(
        self, stream: INetStream, ip: str, index: int, endpoint: Endpoint, nonce: int
    ) -> Message:
        if endpoint.ip != ip:
            if not self._budget.admit_paid(trio.current_time()):
                return self._refusal()
            await _collect_payment(stream, index)
            await trio.sleep(random.uniform(0, MOST_PAUSE_S))
        self.dial_count += 1
        asker = stream.muxed_conn.peer_id
        status = await self._dialler.deliver(asker, endpoint.address(), nonce)
        return dial_response(Status.RESPONSE_STATUS_OK, index, status)

    def _refusal(
        self, status: Status.ValueType = Status.RESPONSE_STATUS_E_REQUEST_REJECTED
    ) -> Message:
        self._rejections.count(RejectionReason.AUTONAT_REQUEST_REFUSED)
        return dial_response(status)


async def _collect_payment(stream: INetStream, index: int) -> None:
    """Have the asker send more bytes than a handshake takes.

    Raises:
        AutonatError: It sends something else, or crumbs.
        trio.TooSlowError: It did not send them within 15 s.
        Exception: The stream broke.
    """
    left = random.randint(MIN_DIAL_DATA_BYTES, MAX_DIAL_DATA_BYTES)
    with trio.fail_after(PAYMENT_TIMEOUT_S):
        await write_frame(stream, dial_data_request(index, left))
        while left > 0:
            message = await read_message(stream)
            if message.WhichOneof("msg") != "dial_data_response":
                raise AutonatError("it is no data")
            size = len(message.dial_data_response.data)
            if size < min(MIN_PART_BYTES, left):
                raise AutonatError("the data come in crumbs")
            left -= size


def _has_way_to(endpoint: Endpoint) -> bool:
    """Ask the routing table whether this machine has that IP version at all."""
    family = socket.AF_INET6 if endpoint.version == 6 else socket.AF_INET
    try:
        with closing(socket.socket(family, socket.SOCK_DGRAM)) as trial:
            trial.connect((endpoint.ip, endpoint.port))
    except OSError:
        return False
    return True
