"""What a QUIC connection asks of the endpoint whose socket it uses."""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from p2pd.net.quic.sources import Source

Connection_contra = TypeVar("Connection_contra", contravariant=True)


class Wire(Protocol[Connection_contra]):
    """The socket, and who gets what comes from it."""

    def transmit(self, data: bytes, address: Any, source: Source | None) -> None:
        """Send a datagram, or lose it."""

    def route(self, cid: bytes, connection: Connection_contra) -> None:
        """Give the connection what comes for one more of its ids."""

    def unroute(self, cid: bytes) -> None:
        """Forget one of its ids."""
