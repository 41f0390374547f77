"""What a browser asked for: frozen, and right by construction.

Made by ``machine`` from frames. Each class reads its own frame; a frame that
breaks the rules raises ``BrokenFrameError`` with the refusal to send back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.browser.answers import FrameId
from gateway.browser.people import (
    PEOPLE_COMMANDS,
    PeopleCall,
    people_call_from_frame,
)
from gateway.browser.reading import (
    MAX_CURSOR_CHARS,
    MAX_PEER_ID_CHARS,
    MAX_ROOM_CHARS,
    BrokenFrameError,
    text_of,
)
from gateway.browser.reading_frames import READING_COMMANDS, ReadingCall, reading_call_from_frame
from gateway.errors import Refusal

MAX_ID_CHARS = 128
MAX_ID_NUMBER = 2**53 - 1
"""What JavaScript tells apart."""
MAX_ROOMS = 256
MAX_ADDRESS_CHARS = 1024
MAX_HISTORY = 1000
MAX_INVITE_CHARS = 4096
COMMANDS = frozenset(
    {"publish", "connect", "join", "leave", "history", "create_invite", "accept_invite"}
    | PEOPLE_COMMANDS
    | READING_COMMANDS
)


@dataclass(frozen=True, slots=True)
class Greeted:
    """``hello``: tell me what happens.

    Attributes:
        after: The cursor of the last event handled; None is the present, empty
            the beginning.
        rooms: The rooms to hear of; empty means all.
    """

    after: str | None
    rooms: frozenset[str]


@dataclass(frozen=True, slots=True)
class PublishAsked:
    """``publish``: send a text to a room, or to the peer where one is named."""

    id: FrameId
    room: str
    text: str
    client_message_id: str
    peer_id: str = ""


@dataclass(frozen=True, slots=True)
class ConnectAsked:
    """``connect``: dial a peer."""

    id: FrameId
    address: str


@dataclass(frozen=True, slots=True)
class JoinAsked:
    """``join``: join a room."""

    id: FrameId
    room: str


@dataclass(frozen=True, slots=True)
class LeaveAsked:
    """``leave``: leave a room."""

    id: FrameId
    room: str


@dataclass(frozen=True, slots=True)
class HistoryAsked:
    """``history``: a page of a room, or of a peer; ``limit`` 0 is the node's own."""

    id: FrameId
    room: str
    before: str | None
    limit: int
    peer_id: str = ""


@dataclass(frozen=True, slots=True)
class CreateInviteAsked:
    """``create_invite``: write an invite to a joined room."""

    id: FrameId
    room: str


@dataclass(frozen=True, slots=True)
class AcceptInviteAsked:
    """``accept_invite``: join the room of an invite and dial its maker."""

    id: FrameId
    invite: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The frame is answered with an ``error``; the connection stays."""

    id: FrameId | None
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class Close:
    """The connection is over, by this close code of RFC 6455 section 7.4."""

    code: int
    reason: str


Call: TypeAlias = (
    ConnectAsked
    | JoinAsked
    | LeaveAsked
    | HistoryAsked
    | CreateInviteAsked
    | AcceptInviteAsked
    | PeopleCall
    | ReadingCall
)
"""Answered by one call of the node."""
Command: TypeAlias = PublishAsked | Call
"""Answered by one ``ack`` or ``error``."""
Action: TypeAlias = Greeted | Command
Event: TypeAlias = Action | Refused | Close


def action_from_frame(frame: dict[str, Any], frame_id: FrameId | None) -> Action:
    """Read a frame whose ``id`` was read already.

    Raises:
        BrokenFrameError: A field is missing, of the wrong kind or too long.
    """
    kind = frame.get("type")
    if kind == "hello":
        return Greeted(_cursor(frame, "after"), _rooms(frame))
    if not isinstance(kind, str) or kind not in COMMANDS:
        raise BrokenFrameError("type", "type is none of the known frames", "UNKNOWN_TYPE")
    if frame_id is None:
        raise BrokenFrameError("id", "id is missing: a string or a whole number")
    return _command(kind, frame, frame_id)


def id_from_frame(frame: dict[str, Any]) -> FrameId | None:
    """Read a frame's ``id``: a string or a whole number, or None.

    Raises:
        BrokenFrameError: It is neither.
    """
    found = frame.get("id")
    if found is None or (isinstance(found, str) and len(found) <= MAX_ID_CHARS):
        return found
    if _is_whole(found, -MAX_ID_NUMBER, MAX_ID_NUMBER):
        return int(found)
    raise BrokenFrameError(
        "id", f"id is a string of at most {MAX_ID_CHARS} characters or a whole number"
    )


def _command(kind: str, frame: dict[str, Any], frame_id: FrameId) -> Command:
    match kind:
        case "publish":
            text = text_of(frame, "text", None, required=True)
            own_id = text_of(frame, "client_message_id", MAX_ID_CHARS)
            return PublishAsked(frame_id, _room(frame), text, own_id, _peer_id(frame))
        case "connect":
            return ConnectAsked(
                frame_id, text_of(frame, "address", MAX_ADDRESS_CHARS, required=True)
            )
        case "join":
            return JoinAsked(frame_id, _room(frame))
        case "leave":
            return LeaveAsked(frame_id, _room(frame))
        case "create_invite":
            return CreateInviteAsked(frame_id, _room(frame))
        case "accept_invite":
            invite = text_of(frame, "invite", MAX_INVITE_CHARS, required=True)
            return AcceptInviteAsked(frame_id, invite)
        case _ if kind in PEOPLE_COMMANDS:
            return people_call_from_frame(kind, frame, frame_id)
        case _ if kind in READING_COMMANDS:
            return reading_call_from_frame(kind, frame, frame_id)
        case _:
            before, limit = _cursor(frame, "before"), _limit(frame)
            return HistoryAsked(frame_id, _room(frame), before, limit, _peer_id(frame))


def _room(frame: dict[str, Any]) -> str:
    return text_of(frame, "room", MAX_ROOM_CHARS)


def _peer_id(frame: dict[str, Any]) -> str:
    return text_of(frame, "peer_id", MAX_PEER_ID_CHARS)


def _cursor(frame: dict[str, Any], name: str) -> str | None:
    found = frame.get(name)
    if found is None or (isinstance(found, str) and len(found) <= MAX_CURSOR_CHARS):
        return found
    raise BrokenFrameError(name, f"{name} is a cursor or null")


def _rooms(frame: dict[str, Any]) -> frozenset[str]:
    found = frame.get("rooms")
    if found is None:
        return frozenset()
    if not isinstance(found, list) or len(found) > MAX_ROOMS:
        raise BrokenFrameError("rooms", f"rooms is a list of at most {MAX_ROOMS} names")
    if not all(isinstance(one, str) and 0 < len(one) <= MAX_ROOM_CHARS for one in found):
        raise BrokenFrameError("rooms", f"a room is a string of 1 to {MAX_ROOM_CHARS} characters")
    return frozenset(found)


def _limit(frame: dict[str, Any]) -> int:
    found = frame.get("limit")
    if found is None:
        return 0
    if not _is_whole(found, 1, MAX_HISTORY):
        raise BrokenFrameError("limit", f"limit is a whole number, 1 to {MAX_HISTORY}")
    return int(found)


def _is_whole(found: object, least: int, most: int) -> bool:
    return isinstance(found, int) and not isinstance(found, bool) and least <= found <= most
