"""The calls about direct messages that wait for consent, for the gRPC thread.

Part of ``service``.
"""

from __future__ import annotations

from functools import partial

from wsp.chat.v1 import chat_pb2

from p2pd.api.bridge import Bridge
from p2pd.api.event_from_domain import message_from_domain
from p2pd.api.grpc_types import Context
from p2pd.api.list_page import ListPage
from p2pd.api.ports import Requesting
from p2pd.domain.directs import DirectRequest
from p2pd.net.addresses import peer_id_from_text


class DirectCalls:
    """Requests listed, accepted and declined."""

    def __init__(self, requests: Requesting, bridge: Bridge) -> None:
        self._requests = requests
        self._bridge = bridge

    async def list_direct_requests(
        self, request: chat_pb2.ListDirectRequestsRequest, _context: Context
    ) -> chat_pb2.ListDirectRequestsResponse:
        """List the peers whose messages wait for consent."""
        page = ListPage(request.page_size, request.page_token, ("direct_requests",))
        waiting = await self._bridge.call(lambda: self._requests.waiting)
        items, token = page.select(waiting, lambda one: one.peer_id, _request_from_domain)
        return chat_pb2.ListDirectRequestsResponse(requests=items, next_page_token=token)

    async def accept_direct(
        self, request: chat_pb2.AcceptDirectRequest, _context: Context
    ) -> chat_pb2.AcceptDirectResponse:
        """Accept the conversation with a peer."""
        peer_id = peer_id_from_text(request.peer_id)
        count = await self._bridge.run(partial(self._requests.accept, peer_id))
        return chat_pb2.AcceptDirectResponse(message_count=count)

    async def decline_direct(
        self, request: chat_pb2.DeclineDirectRequest, _context: Context
    ) -> chat_pb2.DeclineDirectResponse:
        """Want no direct messages of a peer."""
        peer_id = peer_id_from_text(request.peer_id)
        await self._bridge.run(partial(self._requests.decline, peer_id))
        return chat_pb2.DeclineDirectResponse()


def _request_from_domain(request: DirectRequest) -> chat_pb2.DirectRequest:
    return chat_pb2.DirectRequest(
        peer_id=request.peer_id, messages=map(message_from_domain, request.messages)
    )
