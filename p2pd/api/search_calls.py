"""The call of ``ChatService`` that searches. Made by ``service``."""

from __future__ import annotations

from functools import partial

from wsp.chat.v1 import chat_pb2

from p2pd.api.bridge import Bridge
from p2pd.api.conversation_from_request import conversation_from_request
from p2pd.api.event_from_domain import event_from_domain
from p2pd.api.grpc_types import Context
from p2pd.api.list_page import ListPage
from p2pd.api.ports import ChatPorts
from p2pd.domain.names import PeerId
from p2pd.domain.search import FoundMessage, SearchQuery, words_from_text
from p2pd.errors import InvalidInputError

DEFAULT_PAGE = 50
MAX_PAGE = 100


class SearchCalls:
    """Search in messages, for the gRPC thread."""

    def __init__(self, chat: ChatPorts, bridge: Bridge) -> None:
        self._chat = chat
        self._bridge = bridge

    async def search_messages(
        self, request: chat_pb2.SearchMessagesRequest, _context: Context
    ) -> chat_pb2.SearchMessagesResponse:
        """Return a page of the messages that match."""
        query = _query_from_request(request)
        page = ListPage(request.page_size, request.page_token, ("search", repr(query)))
        before = _offset_from(page.after)
        limit = min(request.page_size or DEFAULT_PAGE, MAX_PAGE)
        found = await self._bridge.run(partial(self._chat.searching.find, query, before, limit))
        token = "" if found.next_before is None else page.token_after(str(found.next_before))
        return chat_pb2.SearchMessagesResponse(
            results=map(_result_from_domain, found.messages),
            next_page_token=token,
            unindexed_count=found.unindexed_count,
        )


def _query_from_request(request: chat_pb2.SearchMessagesRequest) -> SearchQuery:
    has_conversation = bool(request.room or request.peer_id)
    return SearchQuery(
        words=words_from_text(request.query),
        conversation=conversation_from_request(request.room, request.peer_id)
        if has_conversation
        else None,
        author_id=PeerId(request.author_id) if request.author_id else None,
        not_before_ns=request.since.ToNanoseconds() if request.HasField("since") else 0,
        before_ns=request.until.ToNanoseconds() if request.HasField("until") else None,
    )


def _offset_from(key: str | None) -> int | None:
    if key is None:
        return None
    if not key.isdecimal() or len(key) > len(str(1 << 62)):
        raise InvalidInputError("page_token", "INVALID_PAGE_TOKEN", "page_token is not of a search")
    return int(key)


def _result_from_domain(found: FoundMessage) -> chat_pb2.SearchResult:
    result = chat_pb2.SearchResult(message=event_from_domain(found.event))
    for one in found.ranges:
        result.ranges.add(begin=one.begin, end=one.end)
    return result
