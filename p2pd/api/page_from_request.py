"""Which page of a room a caller asks for, and the page itself."""

from __future__ import annotations

from dataclasses import dataclass

from wsp.chat.v1 import chat_pb2

from p2pd.api.conversation_from_request import conversation_from_request
from p2pd.api.event_from_domain import event_from_domain, gap_from_domain
from p2pd.domain.records import Conversation
from p2pd.errors import InvalidInputError
from p2pd.log.log import Page

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000


@dataclass(frozen=True, slots=True)
class PageQuery:
    """A page's conversation and place: ``before`` or ``after`` a cursor, or the newest."""

    conversation: Conversation
    before: str | None
    after: str | None
    limit: int


def page_query_from_request(request: chat_pb2.ListMessagesRequest) -> PageQuery:
    """Translate a request.

    Raises:
        InvalidInputError: The conversation's name breaks the rules, or the limit is negative.
    """
    return PageQuery(
        conversation=conversation_from_request(request.room, request.peer_id),
        before=request.before if request.HasField("before") else None,
        after=request.after if request.HasField("after") else None,
        limit=_limit(request.limit),
    )


def response_from_page(page: Page) -> chat_pb2.ListMessagesResponse:
    """Translate a page of messages."""
    return chat_pb2.ListMessagesResponse(
        messages=map(event_from_domain, page.events),
        next_cursor=page.next_cursor,
        gap=None if page.gap is None else gap_from_domain(page.gap),
    )


def _limit(limit: int) -> int:
    if limit < 0:
        raise InvalidInputError("limit", "INVALID_LIMIT", "limit is negative")
    return min(limit or DEFAULT_LIMIT, MAX_LIMIT)
