"""The calls by which a person is left alone, for the gRPC thread.

Part of ``service``.
"""

from __future__ import annotations

from functools import partial

from wsp.chat.v1 import chat_pb2

from p2pd.api.bridge import Bridge
from p2pd.api.grpc_types import Context
from p2pd.api.list_page import ListPage
from p2pd.api.ports import Blocking
from p2pd.domain.names import PeerId
from p2pd.net.addresses import peer_id_from_text


class PeopleCalls:
    """Peers disconnected, blocked and unblocked."""

    def __init__(self, blocks: Blocking, bridge: Bridge) -> None:
        self._blocks = blocks
        self._bridge = bridge

    async def disconnect_peer(
        self, request: chat_pb2.DisconnectPeerRequest, _context: Context
    ) -> chat_pb2.DisconnectPeerResponse:
        """Close the connections to a peer and dial it no more."""
        peer_id = peer_id_from_text(request.peer_id)
        await self._bridge.run(partial(self._blocks.disconnect, peer_id, forget=request.forget))
        return chat_pb2.DisconnectPeerResponse()

    async def block_peer(
        self, request: chat_pb2.BlockPeerRequest, _context: Context
    ) -> chat_pb2.BlockPeerResponse:
        """Want nothing of a peer from now on."""
        peer_id = peer_id_from_text(request.peer_id)
        await self._bridge.run(partial(self._blocks.block, peer_id))
        return chat_pb2.BlockPeerResponse()

    async def unblock_peer(
        self, request: chat_pb2.UnblockPeerRequest, _context: Context
    ) -> chat_pb2.UnblockPeerResponse:
        """Admit a peer again."""
        peer_id = peer_id_from_text(request.peer_id)
        await self._bridge.run(partial(self._blocks.unblock, peer_id))
        return chat_pb2.UnblockPeerResponse()

    async def list_blocked_peers(
        self, request: chat_pb2.ListBlockedPeersRequest, _context: Context
    ) -> chat_pb2.ListBlockedPeersResponse:
        """List the blocked peers."""
        page = ListPage(request.page_size, request.page_token, ("blocked",))
        blocked = await self._bridge.call(lambda: self._blocks.blocked)
        items, token = page.select(blocked, lambda peer_id: peer_id, _blocked_from_domain)
        return chat_pb2.ListBlockedPeersResponse(peers=items, next_page_token=token)


def _blocked_from_domain(peer_id: PeerId) -> chat_pb2.BlockedPeer:
    return chat_pb2.BlockedPeer(peer_id=peer_id)
