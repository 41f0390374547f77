"""What a caller wants to publish, and what became of it."""

from __future__ import annotations

from wsp.chat.v1 import chat_pb2

from p2pd.api.conversation_from_request import conversation_from_request
from p2pd.api.status_from_error import status_from_error
from p2pd.domain.callers import LOCAL_CALLER, Caller
from p2pd.domain.publishes import Publish, Published
from p2pd.domain.records import Direct
from p2pd.errors import ChatError
from p2pd.net.addresses import peer_id_from_text


def publish_from_request(
    request: chat_pb2.PublishRequest, caller: Caller = LOCAL_CALLER
) -> Publish:
    """Translate a request; its content and id are for the node to judge.

    Raises:
        InvalidInputError: The room's name breaks the rules, not a peer id, or both.
    """
    conversation = conversation_from_request(request.room, request.peer_id)
    return Publish(conversation, _content_of(request), request.client_message_id, caller)


def publish_from_direct(
    request: chat_pb2.SendDirectRequest, caller: Caller = LOCAL_CALLER
) -> Publish:
    """Translate a request for a direct message.

    Raises:
        InvalidInputError: Not a peer id.
    """
    conversation = Direct(peer_id_from_text(request.peer_id))
    return Publish(conversation, _content_of(request), request.client_message_id, caller)


def _content_of(request: chat_pb2.PublishRequest | chat_pb2.SendDirectRequest) -> bytes:
    is_text = request.WhichOneof("content") == "text"
    return request.text.encode() if is_text else request.data


def response_from_published(published: Published) -> chat_pb2.PublishResponse:
    """Translate the answer of a publish that was accepted."""
    return chat_pb2.PublishResponse(
        message_id=published.message_id,
        cursor=published.cursor,
        recipients=published.recipients,
    )


def result_from_outcome(
    client_message_id: str, outcome: Published | ChatError
) -> chat_pb2.PublishResult:
    """Translate one answer of a PublishStream."""
    result = chat_pb2.PublishResult(client_message_id=client_message_id)
    if isinstance(outcome, Published):
        result.published.CopyFrom(response_from_published(outcome))
    else:
        result.error.CopyFrom(status_from_error(outcome))
    return result
