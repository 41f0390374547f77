"""Direct messages as the program sees them: sign, deliver, find a peer, receive.

Opened by ``p2pd.net.opening``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import trio
from libp2p.peer.id import ID

from p2pd.domain.directs import DirectReceiver, DirectVerdict
from p2pd.domain.names import PeerId
from p2pd.domain.rejections import Rejections
from p2pd.net.direct.delivery import DirectDelivery, Outgoing
from p2pd.net.direct.records import RecordSigner, SignedDirect
from p2pd.net.direct.serving import DirectServing
from p2pd.net.patches.basic_host import NodeHost
from p2pd.tasks import run_guarded

Find = Callable[[ID], Awaitable[bool]]
"""Dials a peer of whom perhaps only the id is known; returns whether it is connected."""


@asynccontextmanager
async def open_direct(
    host: NodeHost,
    receiver: DirectReceiver,
    rejections: Rejections,
    *,
    agent: str,
    next_seqno: Callable[[], int],
    find: Find,
    clock_ns: Callable[[], int],
) -> AsyncIterator[DirectMessages]:
    """Serve direct messages inside the block."""
    serving = DirectServing(host, receiver, rejections, agent, clock_ns)
    delivery = DirectDelivery(host, agent)
    signer = RecordSigner(host.get_private_key(), next_seqno)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_guarded, "direct streams", delivery.run)
        serving.start()
        try:
            yield DirectMessages(host, signer, delivery, find)
        finally:
            serving.stop()
            nursery.cancel_scope.cancel()


class DirectMessages:
    """Messages between this node and one other; made by ``open_direct``."""

    def __init__(
        self, host: NodeHost, signer: RecordSigner, delivery: DirectDelivery, find: Find
    ) -> None:
        self._host = host
        self._signer = signer
        self._delivery = delivery
        self._find = find
        self.own_id = PeerId(str(host.get_id()))

    def sign(self, peer_id: PeerId, data: bytes) -> SignedDirect:
        """Sign a message to a peer with the next sequence number."""
        return self._signer.sign(peer_id, data)

    def is_connected(self, peer_id: PeerId) -> bool:
        """Return whether there is a connection to a peer, direct or relayed."""
        return bool(self._host.get_network().get_connections(ID.from_base58(peer_id)))

    async def find(self, peer_id: PeerId) -> bool:
        """Dial a peer where it is known to be, and where the DHT says; must not raise."""
        return await self._find(ID.from_base58(peer_id))

    async def deliver(
        self, peer_id: PeerId, messages: Sequence[Outgoing]
    ) -> Sequence[DirectVerdict]:
        """Deliver messages to a connected peer; see ``DirectDelivery.deliver``."""
        return await self._delivery.deliver(peer_id, messages)
