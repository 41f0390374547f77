"""The calls by which a person is left alone, for the gRPC thread.

Part of ``service``.
"""

from __future__ import annotations

from functools import partial

from wsp.chat.v1 import chat_pb2

from p2pd.api.bridge import Bridge
from p2pd.api.grpc_types import Context
from p2pd.api.list_page import ListPage
from p2pd.api.ports import ChatPorts
from p2pd.domain.names import PeerId, message_id_from_text, room_from_text
from p2pd.net.addresses import peer_id_from_text


class PeopleCalls:
    """Peers disconnected and blocked, messages hidden, rooms muted."""

    def __init__(self, chat: ChatPorts, bridge: Bridge) -> None:
        self._chat = chat
        self._blocks = chat.blocks
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

    async def hide_message(
        self, request: chat_pb2.HideMessageRequest, _context: Context
    ) -> chat_pb2.HideMessageResponse:
        """Show a message to nobody, or show it again."""
        message_id = message_id_from_text(request.message_id)
        hide = partial(self._chat.shown.hide_message, message_id, is_hidden=request.is_hidden)
        await self._bridge.run(hide)
        return chat_pb2.HideMessageResponse()

    async def mute_room(
        self, request: chat_pb2.MuteRoomRequest, _context: Context
    ) -> chat_pb2.MuteRoomResponse:
        """Want no notice of what is said in a room, or want it again."""
        room = room_from_text(request.room)
        mute = partial(self._chat.shown.mute_room, room, is_muted=request.is_muted)
        await self._bridge.run(mute)
        return chat_pb2.MuteRoomResponse()

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
