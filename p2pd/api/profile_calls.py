"""The calls about profiles and petnames, for the gRPC thread.

Part of ``service``.
"""

from __future__ import annotations

from functools import partial

from wsp.chat.v1 import chat_pb2

from p2pd.api.bridge import Bridge
from p2pd.api.grpc_types import Context
from p2pd.api.list_page import ListPage
from p2pd.api.ports import Profiling
from p2pd.api.profile_from_domain import profile_from_domain, profile_from_request
from p2pd.domain.profiles import name_from_text
from p2pd.net.addresses import peer_id_from_text

MAX_WAIT_S = 10.0
ANSWER_MARGIN_S = 0.2


class ProfileCalls:
    """Who peers say they are, and what they are called here."""

    def __init__(self, profiles: Profiling, bridge: Bridge) -> None:
        self._profiles = profiles
        self._bridge = bridge

    async def set_profile(
        self, request: chat_pb2.SetProfileRequest, _context: Context
    ) -> chat_pb2.SetProfileResponse:
        """Publish this node's profile."""
        profile = profile_from_request(request)
        known = await self._bridge.run(partial(self._profiles.set_own, profile))
        return chat_pb2.SetProfileResponse(profile=profile_from_domain(known))

    async def get_profile(
        self, request: chat_pb2.GetProfileRequest, context: Context
    ) -> chat_pb2.GetProfileResponse:
        """Return what is known of a peer, asking for it where that is nothing."""
        peer_id = peer_id_from_text(request.peer_id, is_optional=True)
        remaining_s = context.time_remaining()
        within_s = MAX_WAIT_S if remaining_s is None else remaining_s - ANSWER_MARGIN_S
        get = partial(self._profiles.get, peer_id, max(0.0, min(within_s, MAX_WAIT_S)))
        known = await self._bridge.run(get)
        return chat_pb2.GetProfileResponse(profile=profile_from_domain(known, with_avatar=True))

    async def list_profiles(
        self, request: chat_pb2.ListProfilesRequest, _context: Context
    ) -> chat_pb2.ListProfilesResponse:
        """List what is known, without pictures."""
        page = ListPage(request.page_size, request.page_token, ("profiles",))
        known = await self._bridge.call(self._profiles.all_known)
        items, token = page.select(known, lambda one: one.peer_id, profile_from_domain)
        return chat_pb2.ListProfilesResponse(profiles=items, next_page_token=token)

    async def set_petname(
        self, request: chat_pb2.SetPetnameRequest, _context: Context
    ) -> chat_pb2.SetPetnameResponse:
        """Call a peer by another name at this node."""
        peer_id = peer_id_from_text(request.peer_id)
        petname = name_from_text(request.petname, "petname")
        known = await self._bridge.run(partial(self._profiles.set_petname, peer_id, petname))
        return chat_pb2.SetPetnameResponse(profile=profile_from_domain(known))
