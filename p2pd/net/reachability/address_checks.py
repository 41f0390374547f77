"""Asks a peer whether one address of this node can be dialled, and checks what it says.

Used by ``prober``; holds the nonces that are under way. A peer says that it has dialled;
believed is only a nonce that came on a new connection, of the transport of that address.

Source: libp2p specs, autonat/autonat-v2.md.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog
import trio
from libp2p.abc import INetConn, INetStream
from multiaddr import Multiaddr
from wsp.autonat.v2.autonat_pb2 import (
    DialBack,
    DialBackResponse,
    DialResponse,
    DialStatus,
    Message,
)

from p2pd.domain.rejections import RejectionReason, Rejections
from p2pd.net.patches.basic_host import NodeHost
from p2pd.net.reachability.autonat import AutonatError
from p2pd.net.reachability.autonat_v2 import (
    DIAL_BACK,
    DIAL_REQUEST,
    MAX_DIAL_BACK_BYTES,
    MAX_DIAL_DATA_BYTES,
    dial_data_parts,
    dial_request,
    read_as,
    read_message,
)
from p2pd.net.reachability.connections import is_inbound, is_open_and_direct
from p2pd.net.streams.framed import write_frame
from p2pd.net.streams.opened import connection_of, open_stream, reset_quietly
from p2pd.net.transports import Transport, transport_of

SECONDS = 1.0
ARRIVAL_TIMEOUT_S = 5 * SECONDS
"""For a nonce whose server says that it was delivered."""
DIAL_BACK_TIMEOUT_S = 5 * SECONDS

Status = DialResponse.ResponseStatus
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AddressAnswer:
    """What a peer found out.

    Attributes:
        address: The one it has dialled; None where it dials none of them.
        is_reachable: Whether the dial came to this node.
    """

    address: Multiaddr | None
    is_reachable: bool = False


_AddressKind = tuple[str, Transport | None]
"""IP version and transport."""


@dataclass(slots=True)
class _Expected:
    """A nonce under way.

    Attributes:
        before: The connections that were there before it: on them it proves nothing.
        came_to: The kinds of address that it was brought to.
    """

    before: frozenset[INetConn]
    came_to: set[_AddressKind] = field(default_factory=set)
    arrived: trio.Event = field(default_factory=trio.Event)


class AddressChecks:
    """Ask, and serve the dials that come of it."""

    def __init__(self, host: NodeHost, rejections: Rejections) -> None:
        self._host = host
        self._rejections = rejections
        self._expected: dict[int, _Expected] = {}

    def open(self) -> None:
        """Offer the protocol of dials back."""
        self._host.set_stream_handler(DIAL_BACK, self.serve)

    def close(self) -> None:
        """Offer it no more."""
        self._host.remove_stream_handler(DIAL_BACK)

    async def ask(
        self, connection: INetConn, addresses: Sequence[Multiaddr]
    ) -> AddressAnswer | None:
        """Ask the peer of a connection; None where it answers nothing that can be used.

        Args:
            addresses: The one that matters most first; only that one is paid for.

        Raises:
            AutonatError: It breaks the protocol, or says what is not so.
            Exception: It is gone.

        Cancellation: the stream is reset; the caller sets the deadline.
        """
        with self._nonce() as (nonce, expected):
            stream = await open_stream(self._host, connection, DIAL_REQUEST)
            try:
                await write_frame(stream, dial_request(addresses, nonce))
                response = await _response_of(stream)
            finally:
                await reset_quietly(stream)
            return await _checked(response, addresses, expected)

    async def serve(self, stream: INetStream) -> None:
        """Receive one nonce."""
        try:
            with trio.fail_after(DIAL_BACK_TIMEOUT_S):
                message = await read_as(DialBack, stream, MAX_DIAL_BACK_BYTES)
                self._receive(message.nonce, connection_of(stream))
                await write_frame(stream, DialBackResponse())
                await stream.close()
        # An unknown peer's bytes, or none in time.
        except (AutonatError, trio.TooSlowError) as error:
            self._rejections.count(RejectionReason.AUTONAT_DIAL_BACK_UNKNOWN)
            log.debug("dial back not expected", error=repr(error))
            await reset_quietly(stream)
        except BaseException:
            await reset_quietly(stream)
            raise

    def _receive(self, nonce: int, connection: INetConn) -> None:
        expected = self._expected.get(nonce)
        if expected is None or expected.arrived.is_set():
            raise AutonatError("nobody waits for it")
        # The peer may close the connection before it answers.
        if is_inbound(connection) and is_open_and_direct(connection):
            ends = connection.get_transport_addresses()
            expected.came_to = set() if connection in expected.before else set(map(_kind_of, ends))
        expected.arrived.set()

    @contextmanager
    def _nonce(self) -> Iterator[tuple[int, _Expected]]:
        nonce = secrets.randbits(64)
        expected = _Expected(frozenset(self._host.swarm.get_connections()))
        self._expected[nonce] = expected
        try:
            yield nonce, expected
        finally:
            del self._expected[nonce]


async def _response_of(stream: INetStream) -> DialResponse:
    message = await read_message(stream)
    if message.WhichOneof("msg") == "dial_data_request":
        await _pay(stream, message)
        message = await read_message(stream)
    if message.WhichOneof("msg") != "dial_response":
        raise AutonatError("it is no response")
    return message.dial_response


async def _pay(stream: INetStream, message: Message) -> None:
    """Send what a dial to another IP address costs.

    Raises:
        AutonatError: It is not for the first address, or more than 100 kB.
    """
    wanted = message.dial_data_request
    if wanted.addr_idx or wanted.num_bytes > MAX_DIAL_DATA_BYTES:
        raise AutonatError("it asks for too much")
    for part in dial_data_parts(wanted.num_bytes):
        await write_frame(stream, part)


async def _checked(
    response: DialResponse, addresses: Sequence[Multiaddr], expected: _Expected
) -> AddressAnswer | None:
    if response.status == Status.RESPONSE_STATUS_E_DIAL_REFUSED:
        return AddressAnswer(None)
    if response.status != Status.RESPONSE_STATUS_OK:
        return None
    if response.addr_idx >= len(addresses):
        raise AutonatError("it names an address that was not asked about")
    address = addresses[response.addr_idx]
    if response.dial_status == DialStatus.DIAL_STATUS_OK:
        with trio.move_on_after(ARRIVAL_TIMEOUT_S):
            await expected.arrived.wait()
    # A nonce that came counts also where the peer says that it failed to bring it.
    if _kind_of(address) in expected.came_to:
        return AddressAnswer(address, is_reachable=True)
    match response.dial_status:
        case DialStatus.DIAL_STATUS_E_DIAL_ERROR:
            return AddressAnswer(address, is_reachable=False)
        case DialStatus.DIAL_STATUS_OK:
            raise AutonatError("it says that it has dialled, and nothing came")
        case _:
            return None


def _kind_of(address: Multiaddr) -> _AddressKind:
    """Return what an address and the other end of a connection to it have in common."""
    return str(address)[: len("/ip4")], transport_of(address)
