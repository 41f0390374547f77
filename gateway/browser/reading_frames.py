"""What a browser asks for about conversations and what was read of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, TypeAlias

from gateway.browser.answers import FrameId
from gateway.browser.reading import (
    MAX_CURSOR_CHARS,
    MAX_MESSAGE_ID_CHARS,
    MAX_PEER_ID_CHARS,
    MAX_ROOM_CHARS,
    BrokenFrameError,
    page_token_of,
    text_of,
)

MAX_READER_CHARS = 64
MAX_PAGE_SIZE = 1000
MAX_QUERY_CHARS = 512
MAX_SEARCH_PAGE = 100
READING_COMMANDS = frozenset(
    {"list_conversations", "set_read_marker", "get_message", "search_messages", "forget_room"}
)
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class ConversationsAsked:
    """``list_conversations``: a page of them; ``page_size`` 0 is as many as fit."""

    id: FrameId
    reader: str
    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class ReadMarkerAsked:
    """``set_read_marker``: a reader has read a room, or what a peer wrote, up to a cursor."""

    id: FrameId
    reader: str
    room: str
    peer_id: str
    cursor: str


@dataclass(frozen=True, slots=True)
class MessageAsked:
    """``get_message``: one message, and who has it."""

    id: FrameId
    message_id: str


@dataclass(frozen=True, slots=True)
class SearchAsked:
    """``search_messages``: a page of messages that hold all words of a query."""

    id: FrameId
    query: str
    room: str
    peer_id: str
    author_id: str
    since: str
    until: str
    page_size: int
    page_token: str


@dataclass(frozen=True, slots=True)
class ForgetRoomAsked:
    """``forget_room``: leave a room and erase its messages."""

    id: FrameId
    room: str


ReadingCall: TypeAlias = (
    ConversationsAsked | ReadMarkerAsked | MessageAsked | SearchAsked | ForgetRoomAsked
)


def reading_call_from_frame(kind: str, frame: dict[str, Any], frame_id: FrameId) -> ReadingCall:
    """Read a frame of one of these kinds.

    Raises:
        BrokenFrameError: A field is missing, of the wrong kind or too long.
    """
    if kind == "get_message":
        message_id = text_of(frame, "message_id", MAX_MESSAGE_ID_CHARS, required=True)
        return MessageAsked(frame_id, message_id)
    if kind == "forget_room":
        return ForgetRoomAsked(frame_id, text_of(frame, "room", MAX_ROOM_CHARS, required=True))
    if kind == "search_messages":
        return _search_from_frame(frame, frame_id)
    reader = text_of(frame, "reader", MAX_READER_CHARS, required=True)
    if kind == "list_conversations":
        token = page_token_of(frame)
        return ConversationsAsked(frame_id, reader, page_size_of(frame), token)
    return ReadMarkerAsked(
        frame_id,
        reader,
        text_of(frame, "room", MAX_ROOM_CHARS),
        text_of(frame, "peer_id", MAX_PEER_ID_CHARS),
        text_of(frame, "cursor", MAX_CURSOR_CHARS, required=True),
    )


def _search_from_frame(frame: dict[str, Any], frame_id: FrameId) -> SearchAsked:
    return SearchAsked(
        frame_id,
        text_of(frame, "query", MAX_QUERY_CHARS, required=True),
        text_of(frame, "room", MAX_ROOM_CHARS),
        text_of(frame, "peer_id", MAX_PEER_ID_CHARS),
        text_of(frame, "author_id", MAX_PEER_ID_CHARS),
        _time_of(frame, "since"),
        _time_of(frame, "until"),
        page_size_of(frame, MAX_SEARCH_PAGE),
        page_token_of(frame),
    )


def _time_of(frame: dict[str, Any], name: str) -> str:
    found = frame.get(name)
    if found is None:
        return ""
    if not isinstance(found, str) or _TIME.fullmatch(found) is None:
        raise BrokenFrameError(name, f"{name} is a time as in RFC 3339, in UTC")
    return found


def page_size_of(frame: dict[str, Any], most: int = MAX_PAGE_SIZE) -> int:
    """Read how long a page of a list is at most; 0 is as long as fits."""
    found = frame.get("page_size")
    if found is None:
        return 0
    is_whole = isinstance(found, int) and not isinstance(found, bool)
    if not (is_whole and 0 <= found <= most):
        raise BrokenFrameError("page_size", f"page_size is a whole number, 0 to {most}")
    return int(found)
