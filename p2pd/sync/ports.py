"""What synchronisation needs of the network; ``p2pd.net`` has it, ``p2pd.node`` joins them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

from p2pd.domain.messages import Message
from p2pd.domain.names import PeerId, RoomName


class ByteStream(Protocol):
    """A stream with deadlines; a step raises ConnectionError or TimeoutError."""

    async def read(self, max_bytes: int) -> bytes:
        """Return what has come, nothing once the peer has ended its side."""

    async def write(self, data: bytes) -> None:
        """Write all of it."""

    async def close(self) -> None:
        """End the stream in order; soon in any case."""

    async def reset(self) -> None:
        """Reset the stream."""


class SyncPeers(Protocol):
    """The peers of rooms and the streams to and from them."""

    own_id: PeerId

    @property
    def rooms(self) -> frozenset[RoomName]:
        """The joined rooms."""

    def peers_in(self, room: RoomName) -> frozenset[PeerId]:
        """The connected peers that are in a room."""

    def speaks(self, peer_id: PeerId, protocol: str) -> bool:
        """Return whether a connected peer has announced a protocol."""

    async def open_stream(self, peer_id: PeerId, protocol: str) -> ByteStream | None:
        """Open a stream to a peer; None where that fails."""

    def served(
        self, protocol: str, answer: Callable[[PeerId, Any], Awaitable[None]]
    ) -> AbstractContextManager[None]:
        """Answer streams of a protocol inside the block."""


class AuthoredMessage(Protocol):
    """A message as its author signed it."""

    @property
    def topic(self) -> str:
        """The room."""

    @property
    def seqno(self) -> int:
        """Its sequence number."""

    @property
    def wire_id(self) -> bytes:
        """Author and sequence number."""


class MessageReader(Protocol):
    """Reads and verifies what peers give, by the rules of gossip."""

    def parse(self, signed: bytes) -> Any:
        """Read a ``AuthoredMessage``; raises MessageRefusedError."""

    def verify(self, wire: Any) -> None:
        """Check the signature; raises MessageRefusedError."""

    def message(self, wire: Any, forwarder_id: PeerId, now_ns: int) -> Message:
        """Translate a message that was fetched from a peer."""
