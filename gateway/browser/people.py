"""What a browser asked about people: profiles and petnames.

Read by ``events``, carried out by ``gateway.delivery.people``.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.browser.answers import FrameId
from gateway.browser.reading import (
    MAX_MESSAGE_ID_CHARS,
    MAX_PEER_ID_CHARS,
    MAX_ROOM_CHARS,
    BrokenFrameError,
    flag_of,
    page_token_of,
    text_of,
)

MAX_NAME_CHARS = 256
MAX_ABOUT_CHARS = 512
MAX_COLOR_CHARS = 7
MAX_AVATAR_CHARS = 21_848
"""Of 16 KiB in base64."""
PEOPLE_COMMANDS = frozenset(
    {
        "set_profile",
        "get_profile",
        "list_profiles",
        "set_petname",
        "disconnect_peer",
        "block_peer",
        "unblock_peer",
        "list_blocked_peers",
        "hide_message",
        "mute_room",
        "list_direct_requests",
        "accept_direct",
        "decline_direct",
    }
)


@dataclass(frozen=True, slots=True)
class SetProfileAsked:
    """``set_profile``: publish what this node's person says of themselves."""

    id: FrameId
    name: str
    about: str
    color: str
    avatar: bytes


@dataclass(frozen=True, slots=True)
class GetProfileAsked:
    """``get_profile``: a peer's profile with its picture; no peer is this node."""

    id: FrameId
    peer_id: str


@dataclass(frozen=True, slots=True)
class ListProfilesAsked:
    """``list_profiles``: a page of what is known of everybody."""

    id: FrameId
    page_token: str


@dataclass(frozen=True, slots=True)
class SetPetnameAsked:
    """``set_petname``: call a peer by another name at this node."""

    id: FrameId
    peer_id: str
    petname: str


@dataclass(frozen=True, slots=True)
class DisconnectPeerAsked:
    """``disconnect_peer``: close the connections to a peer and dial it no more."""

    id: FrameId
    peer_id: str
    forget: bool


@dataclass(frozen=True, slots=True)
class BlockPeerAsked:
    """``block_peer``: want nothing of a peer."""

    id: FrameId
    peer_id: str


@dataclass(frozen=True, slots=True)
class UnblockPeerAsked:
    """``unblock_peer``: admit a peer again."""

    id: FrameId
    peer_id: str


@dataclass(frozen=True, slots=True)
class ListBlockedPeersAsked:
    """``list_blocked_peers``: a page of the blocked peers."""

    id: FrameId
    page_token: str


@dataclass(frozen=True, slots=True)
class HideMessageAsked:
    """``hide_message``: show a message to nobody at this node, or show it again."""

    id: FrameId
    message_id: str
    is_hidden: bool


@dataclass(frozen=True, slots=True)
class MuteRoomAsked:
    """``mute_room``: want no notice of what is said in a room, or want it again."""

    id: FrameId
    room: str
    is_muted: bool


@dataclass(frozen=True, slots=True)
class DirectRequestsAsked:
    """``list_direct_requests``: a page of the peers whose messages wait for consent."""

    id: FrameId
    page_token: str


@dataclass(frozen=True, slots=True)
class AcceptDirectAsked:
    """``accept_direct``: accept the conversation with a peer."""

    id: FrameId
    peer_id: str


@dataclass(frozen=True, slots=True)
class DeclineDirectAsked:
    """``decline_direct``: want no direct messages of a peer."""

    id: FrameId
    peer_id: str


PeopleCall: TypeAlias = (
    SetProfileAsked
    | GetProfileAsked
    | ListProfilesAsked
    | SetPetnameAsked
    | DisconnectPeerAsked
    | BlockPeerAsked
    | UnblockPeerAsked
    | ListBlockedPeersAsked
    | HideMessageAsked
    | MuteRoomAsked
    | DirectRequestsAsked
    | AcceptDirectAsked
    | DeclineDirectAsked
)


def people_call_from_frame(kind: str, frame: dict[str, Any], frame_id: FrameId) -> PeopleCall:
    """Read a frame of one of ``PEOPLE_COMMANDS``.

    Raises:
        BrokenFrameError: A field is missing, of the wrong kind or too long.
    """
    match kind:
        case "set_profile":
            return SetProfileAsked(
                frame_id,
                text_of(frame, "name", MAX_NAME_CHARS),
                text_of(frame, "about", MAX_ABOUT_CHARS),
                text_of(frame, "color", MAX_COLOR_CHARS),
                bytes_of(text_of(frame, "avatar", MAX_AVATAR_CHARS)),
            )
        case "get_profile":
            return GetProfileAsked(frame_id, text_of(frame, "peer_id", MAX_PEER_ID_CHARS))
        case "list_profiles":
            return ListProfilesAsked(frame_id, page_token_of(frame))
        case "list_blocked_peers":
            return ListBlockedPeersAsked(frame_id, page_token_of(frame))
        case "list_direct_requests":
            return DirectRequestsAsked(frame_id, page_token_of(frame))
        case "hide_message":
            message_id = text_of(frame, "message_id", MAX_MESSAGE_ID_CHARS, required=True)
            is_hidden = flag_of(frame, "is_hidden", default=True)
            return HideMessageAsked(frame_id, message_id, is_hidden)
        case "mute_room":
            is_muted = flag_of(frame, "is_muted", default=True)
            return MuteRoomAsked(frame_id, text_of(frame, "room", MAX_ROOM_CHARS), is_muted)
        case _:
            return _call_about_peer(kind, frame, frame_id)


def _call_about_peer(kind: str, frame: dict[str, Any], frame_id: FrameId) -> PeopleCall:
    peer_id = text_of(frame, "peer_id", MAX_PEER_ID_CHARS, required=True)
    match kind:
        case "disconnect_peer":
            return DisconnectPeerAsked(frame_id, peer_id, flag_of(frame, "forget"))
        case "block_peer":
            return BlockPeerAsked(frame_id, peer_id)
        case "unblock_peer":
            return UnblockPeerAsked(frame_id, peer_id)
        case "accept_direct":
            return AcceptDirectAsked(frame_id, peer_id)
        case "decline_direct":
            return DeclineDirectAsked(frame_id, peer_id)
        case _:
            return SetPetnameAsked(frame_id, peer_id, text_of(frame, "petname", MAX_NAME_CHARS))


def bytes_of(avatar: str) -> bytes:
    """Read a picture in base64.

    Raises:
        BrokenFrameError: It is not base64.
    """
    try:
        return base64.b64decode(avatar, validate=True)
    except (binascii.Error, ValueError):
        raise BrokenFrameError("avatar", "avatar is not base64") from None
