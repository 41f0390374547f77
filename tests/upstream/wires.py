"""TCP between two hosts as a test wants it: counted, or silent from some moment on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio
from libp2p.abc import IHost
from libp2p.peer.peerinfo import PeerInfo
from multiaddr import Multiaddr

from tests.upstream.stacks import peer_info


@dataclass
class Wire:
    """A relay in front of a host.

    Attributes:
        info: The host as it is dialled through the wire.
        to_dialler_bytes: What the host has sent back.
    """

    info: PeerInfo
    to_dialler_bytes: int = 0
    _is_cut: bool = False
    _cut: trio.Event = field(default_factory=trio.Event)

    def go_silent(self) -> None:
        """Keep every connection open and let nothing through any more."""
        self._is_cut = True
        self._cut.set()

    async def relay(self, source: trio.SocketStream, sink: trio.SocketStream, back: bool) -> None:
        try:
            async for chunk in source:
                if self._is_cut:
                    await trio.sleep_forever()
                await sink.send_all(chunk)
                self.to_dialler_bytes += len(chunk) * back
            await sink.aclose()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            await sink.aclose()


@asynccontextmanager
async def wire_to(host: IHost) -> AsyncIterator[Wire]:
    """Put a wire in front of a host that listens on TCP."""
    port = int(str(peer_info(host).addrs[0].value_for_protocol("tcp")))

    async def serve(near: trio.SocketStream) -> None:
        far = await trio.open_tcp_stream("127.0.0.1", port)
        async with trio.open_nursery() as both:
            both.start_soon(wire.relay, near, far, False)
            both.start_soon(wire.relay, far, near, True)

    async with trio.open_nursery() as nursery:
        listeners = await nursery.start(trio.serve_tcp, serve, 0)
        here = listeners[0].socket.getsockname()[1]
        wire = Wire(PeerInfo(host.get_id(), [Multiaddr(f"/ip4/127.0.0.1/tcp/{here}")]))
        yield wire
        nursery.cancel_scope.cancel()


async def free_port() -> int:
    """Find a port on which nobody listens."""
    with trio.socket.socket() as sock:
        await sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])
