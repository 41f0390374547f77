"""Carries out what a browser asked about people; part of ``session``."""

from __future__ import annotations

from typing import assert_never

from gateway.browser.people import (
    AcceptDirectAsked,
    BlockPeerAsked,
    DeclineDirectAsked,
    DirectRequestsAsked,
    DisconnectPeerAsked,
    GetProfileAsked,
    HideMessageAsked,
    ListBlockedPeersAsked,
    ListProfilesAsked,
    MuteRoomAsked,
    PeopleCall,
    SetPetnameAsked,
    SetProfileAsked,
    UnblockPeerAsked,
)
from gateway.channel.events import Fields
from gateway.node.people import People


async def answer_to_people_call(people: People, call: PeopleCall) -> Fields:
    """Ask the node."""
    match call:
        case SetProfileAsked(name=name, about=about, color=color, avatar=avatar):
            return await people.set_profile(name, about, color, avatar)
        case GetProfileAsked(peer_id=peer_id):
            return await people.get_profile(peer_id)
        case ListProfilesAsked(page_token=page_token):
            return await people.list_profiles(page_token=page_token)
        case SetPetnameAsked(peer_id=peer_id, petname=petname):
            return await people.set_petname(peer_id, petname)
        case DisconnectPeerAsked(peer_id=peer_id, forget=forget):
            return await people.disconnect(peer_id, forget=forget)
        case BlockPeerAsked(peer_id=peer_id):
            return await people.block(peer_id)
        case UnblockPeerAsked(peer_id=peer_id):
            return await people.unblock(peer_id)
        case DirectRequestsAsked() | AcceptDirectAsked() | DeclineDirectAsked():
            return await _answer_to_direct_call(people, call)
        case ListBlockedPeersAsked(page_token=page_token):
            return await people.list_blocked(page_token=page_token)
        case HideMessageAsked(message_id=message_id, is_hidden=is_hidden):
            return await people.hide_message(message_id, is_hidden=is_hidden)
        case MuteRoomAsked(room=room, is_muted=is_muted):
            return await people.mute_room(room, is_muted=is_muted)
        case _:
            assert_never(call)


async def _answer_to_direct_call(
    people: People, call: DirectRequestsAsked | AcceptDirectAsked | DeclineDirectAsked
) -> Fields:
    match call:
        case DirectRequestsAsked(page_token=page_token):
            return await people.list_direct_requests(page_token=page_token)
        case AcceptDirectAsked(peer_id=peer_id):
            return await people.accept_direct(peer_id)
        case DeclineDirectAsked(peer_id=peer_id):
            return await people.decline_direct(peer_id)
        case _:
            assert_never(call)
