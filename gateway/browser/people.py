"""What a browser asked about people: profiles and petnames.

Read by ``events``, carried out by ``gateway.delivery.people``.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.browser.answers import FrameId
from gateway.browser.reading import BrokenFrameError, text_of

MAX_PEER_ID_CHARS = 128
MAX_NAME_CHARS = 256
MAX_ABOUT_CHARS = 512
MAX_COLOR_CHARS = 7
MAX_AVATAR_CHARS = 21_848
"""Of 16 KiB in base64."""
MAX_TOKEN_CHARS = 1024
PEOPLE_COMMANDS = frozenset({"set_profile", "get_profile", "list_profiles", "set_petname"})


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


PeopleCall: TypeAlias = SetProfileAsked | GetProfileAsked | ListProfilesAsked | SetPetnameAsked


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
            return ListProfilesAsked(frame_id, text_of(frame, "page_token", MAX_TOKEN_CHARS))
        case _:
            peer_id = text_of(frame, "peer_id", MAX_PEER_ID_CHARS, required=True)
            petname = text_of(frame, "petname", MAX_NAME_CHARS)
            return SetPetnameAsked(frame_id, peer_id, petname)


def bytes_of(avatar: str) -> bytes:
    """Read a picture in base64.

    Raises:
        BrokenFrameError: It is not base64.
    """
    try:
        return base64.b64decode(avatar, validate=True)
    except (binascii.Error, ValueError):
        raise BrokenFrameError("avatar", "avatar is not base64") from None
