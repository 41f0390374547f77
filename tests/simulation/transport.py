"""What libp2p dials and listens with on the network in memory, in place of TCP."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
import trio
from libp2p.abc import IListener, IRawConnection, ITransport
from libp2p.io.abc import ReadWriteCloser
from libp2p.network.connection.raw_connection import RawConnection
from libp2p.transport.exceptions import OpenConnectionError
from multiaddr import Multiaddr

from p2pd.net.patches.transports import Recorded
from p2pd.net.transports import TCP
from tests.simulation.wires import Stream, Wires

log = structlog.get_logger(__name__)
Handler = Callable[[ReadWriteCloser], Awaitable[None]]


class MemoryTransport(Recorded, ITransport):
    """TCP of one machine."""

    record = TCP

    def __init__(self, wires: Wires, host: str) -> None:
        self.wires = wires
        self._host = host
        self.nursery: trio.Nursery | None = None

    def set_background_nursery(self, nursery: trio.Nursery) -> None:
        """Serve inbound connections here."""
        self.nursery = nursery

    async def dial(self, maddr: Multiaddr) -> IRawConnection:
        """Connect to an address."""
        try:
            stream = await self.wires.connect(self._host, *self.record.endpoint(maddr))
        except OSError as error:
            raise OpenConnectionError(str(error)) from error
        return RawConnection(stream, True, addresses=[self.record.address(*_endpoint(stream))])

    def create_listener(self, handler_function: Handler) -> MemoryListener:
        """Make what listens on one address."""
        return MemoryListener(self, handler_function)


class MemoryListener(IListener):
    """One address that is listened on."""

    def __init__(self, transport: MemoryTransport, handler: Handler) -> None:
        self._transport = transport
        self._handler = handler
        self._address: Multiaddr | None = None

    async def listen(self, maddr: Multiaddr) -> None:
        """Listen on an address."""
        await trio.lowlevel.checkpoint()
        self._transport.wires.listening[TCP.endpoint(maddr)] = self._accept
        self._address = maddr

    def get_addrs(self) -> tuple[Multiaddr, ...]:
        """Return the address."""
        return () if self._address is None else (self._address,)

    async def close(self) -> None:
        """Listen no more."""
        await trio.lowlevel.checkpoint()
        if self._address is not None:
            del self._transport.wires.listening[TCP.endpoint(self._address)]
            self._address = None

    def _accept(self, stream: Stream) -> None:
        assert self._transport.nursery is not None
        self._transport.nursery.start_soon(self._serve, stream)

    async def _serve(self, stream: Stream) -> None:
        try:
            await self._handler(stream)
        # As the listeners of the node: one connection costs no other.
        except Exception as error:
            log.debug("inbound connection failed", error=repr(error))


def _endpoint(stream: Stream) -> tuple[str, int]:
    remote = stream.get_remote_address()
    assert remote is not None
    return remote
