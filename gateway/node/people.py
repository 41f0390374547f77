"""The node's calls about people, in terms of JSON fields.

Part of ``commands``; every method raises ``NodeError`` where the node refuses or is away.
"""

from __future__ import annotations

from dataclasses import dataclass

from wsp.chat.v1 import chat_pb2
from wsp.chat.v1.chat_json import fields_from_list_direct_requests_response, fields_from_profile

from gateway.channel.events import Fields
from gateway.node.link import Call, Link


@dataclass(frozen=True, slots=True)
class Avatar:
    """A picture as the node has it, with the media type of its first bytes."""

    data: bytes
    media_type: str


class People:
    """Profiles, petnames, and who is left alone."""

    def __init__(self, link: Link, call: Call) -> None:
        self._link = link
        self._call = call

    async def set_profile(self, name: str, about: str, color: str, avatar: bytes) -> Fields:
        """Publish what this node's person says of themselves."""
        profile = chat_pb2.Profile(name=name, about=about, color=color, avatar=avatar)
        request = chat_pb2.SetProfileRequest(profile=profile)
        answer = await self._call(self._link.stub.SetProfile, request)
        return {"profile": fields_from_profile(answer.profile)}

    async def get_profile(self, peer_id: str) -> Fields:
        """Return a peer's profile with its picture."""
        return {"profile": fields_from_profile(await self._profile(peer_id))}

    async def get_avatar(self, peer_id: str) -> Avatar | None:
        """Return a peer's picture, if it has one."""
        profile = await self._profile(peer_id)
        return Avatar(profile.avatar, profile.avatar_type) if profile.avatar else None

    async def list_profiles(self, *, page_size: int = 0, page_token: str = "") -> Fields:
        """Return a page of what is known of everybody, without pictures."""
        request = chat_pb2.ListProfilesRequest(page_size=page_size, page_token=page_token)
        answer = await self._call(self._link.stub.ListProfiles, request)
        profiles = [fields_from_profile(one) for one in answer.profiles]
        return {"profiles": profiles, "next_page_token": answer.next_page_token or None}

    async def set_petname(self, peer_id: str, petname: str) -> Fields:
        """Call a peer by another name at this node."""
        request = chat_pb2.SetPetnameRequest(peer_id=peer_id, petname=petname)
        answer = await self._call(self._link.stub.SetPetname, request)
        return {"profile": fields_from_profile(answer.profile)}

    async def disconnect(self, peer_id: str, *, forget: bool) -> Fields:
        """Close the connections to a peer and dial it no more."""
        request = chat_pb2.DisconnectPeerRequest(peer_id=peer_id, forget=forget)
        await self._call(self._link.stub.DisconnectPeer, request)
        return {}

    async def block(self, peer_id: str) -> Fields:
        """Want nothing of a peer."""
        await self._call(self._link.stub.BlockPeer, chat_pb2.BlockPeerRequest(peer_id=peer_id))
        return {}

    async def unblock(self, peer_id: str) -> Fields:
        """Admit a peer again."""
        request = chat_pb2.UnblockPeerRequest(peer_id=peer_id)
        await self._call(self._link.stub.UnblockPeer, request)
        return {}

    async def list_blocked(self, *, page_size: int = 0, page_token: str = "") -> Fields:
        """Return a page of the blocked peers."""
        request = chat_pb2.ListBlockedPeersRequest(page_size=page_size, page_token=page_token)
        answer = await self._call(self._link.stub.ListBlockedPeers, request)
        peers = [{"peer_id": one.peer_id} for one in answer.peers]
        return {"peers": peers, "next_page_token": answer.next_page_token or None}

    async def list_direct_requests(self, *, page_size: int = 0, page_token: str = "") -> Fields:
        """Return a page of the peers whose messages wait for consent."""
        request = chat_pb2.ListDirectRequestsRequest(page_size=page_size, page_token=page_token)
        answer = await self._call(self._link.stub.ListDirectRequests, request)
        return fields_from_list_direct_requests_response(answer)

    async def accept_direct(self, peer_id: str) -> Fields:
        """Accept the conversation with a peer."""
        request = chat_pb2.AcceptDirectRequest(peer_id=peer_id)
        answer = await self._call(self._link.stub.AcceptDirect, request)
        return {"message_count": answer.message_count}

    async def decline_direct(self, peer_id: str) -> Fields:
        """Want no direct messages of a peer."""
        request = chat_pb2.DeclineDirectRequest(peer_id=peer_id)
        await self._call(self._link.stub.DeclineDirect, request)
        return {}

    async def hide_message(self, message_id: str, *, is_hidden: bool) -> Fields:
        """Show a message to nobody, or show it again."""
        request = chat_pb2.HideMessageRequest(message_id=message_id, is_hidden=is_hidden)
        await self._call(self._link.stub.HideMessage, request)
        return {}

    async def mute_room(self, room: str, *, is_muted: bool) -> Fields:
        """Want no notice of what is said in a room, or want it again."""
        request = chat_pb2.MuteRoomRequest(room=room, is_muted=is_muted)
        await self._call(self._link.stub.MuteRoom, request)
        return {}

    async def _profile(self, peer_id: str) -> chat_pb2.Profile:
        request = chat_pb2.GetProfileRequest(peer_id=peer_id)
        answer = await self._call(self._link.stub.GetProfile, request)
        profile: chat_pb2.Profile = answer.profile
        return profile
