"""How gRPC finds the calls, and the edge around each: admission and errors.

Built by hand instead of by the generated ``add_…_to_server``, because an
Events stream writes bytes that are encoded already and every method decodes its
own requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Never

import grpc
import structlog
from google.protobuf.message import Message as Proto
from wsp.chat.v1 import chat_pb2

from p2pd.api.admission import CallAdmission, StreamAdmission
from p2pd.api.caller_from_context import CallerOf
from p2pd.api.grpc_types import Context, Handler
from p2pd.api.reading_calls import ReadingCalls
from p2pd.api.request_from_bytes import with_decoded_request as decoded
from p2pd.api.search_calls import SearchCalls
from p2pd.api.service import ChatService
from p2pd.api.status_from_error import abort
from p2pd.errors import ChatError

log = structlog.get_logger(__name__)

SERVICE = chat_pb2.DESCRIPTOR.services_by_name["ChatService"].full_name

UnaryMethod = Callable[[Any, Context], Awaitable[Proto]]
StreamMethod = Callable[[Any, Context], Awaitable[None]]


class Edge:
    """Put admission and the translation of errors around methods.

    Publishes have places of their own, few enough that their latency stays bounded, and
    so have dials, since one may take 15 s. Places are shared among callers.

    Args:
        caller_of: Names the caller of a call.

    Attributes:
        failures: Calls that failed by the node's own fault since the start.
    """

    def __init__(
        self,
        publishes: CallAdmission,
        calls: CallAdmission,
        dials: CallAdmission,
        streams: StreamAdmission,
        caller_of: CallerOf,
    ) -> None:
        self._caller_of = caller_of
        self._publishes = publishes
        self._calls = calls
        self._dials = dials
        self._streams = streams
        self.failures = 0

    def unary(self, method: UnaryMethod) -> UnaryMethod:
        """Wrap a call with one request and one response."""
        return self._admitted(method, self._calls)

    def publish(self, method: UnaryMethod) -> UnaryMethod:
        """Wrap a call that publishes."""
        return self._admitted(method, self._publishes)

    def dial(self, method: UnaryMethod) -> UnaryMethod:
        """Wrap a call that dials."""
        return self._admitted(method, self._dials)

    def _admitted(self, method: UnaryMethod, calls: CallAdmission) -> UnaryMethod:
        async def answer(request: Any, context: Context) -> Proto:
            try:
                async with calls.admit(self._caller_of(context)):
                    return await method(request, context)
            except grpc.aio.AbortError:
                raise
            except Exception as error:  # the edge: every error ends as a status
                return await self._abort(context, error, method.__name__)

        return answer

    def stream(self, method: StreamMethod) -> StreamMethod:
        """Wrap a call that goes on until its end is raised."""

        async def follow(request: Any, context: Context) -> None:
            try:
                with self._streams.admit(self._caller_of(context)):
                    await method(request, context)
            except grpc.aio.AbortError:
                raise
            except grpc.aio.InternalError:
                return  # reading or writing failed: the caller is gone, there is nobody to tell
            except Exception as error:  # the edge: every error ends as a status
                await self._abort(context, error, method.__name__)

        return follow

    async def _abort(self, context: Context, error: Exception, call: str) -> Never:
        if not isinstance(error, ChatError):
            self.failures += 1
            log.error("call failed", call=call, exc_info=error)
        await abort(context, error)


def chat_handlers(service: ChatService, edge: Edge) -> grpc.GenericRpcHandler:
    """Name every call of the service."""
    unary = edge.unary
    return grpc.method_handlers_generic_handler(
        SERVICE,
        {
            "Publish": _unary(edge.publish(decoded(chat_pb2.PublishRequest, service.publish))),
            "Connect": _unary(edge.dial(decoded(chat_pb2.ConnectRequest, service.connect))),
            "CreateInvite": _unary(
                unary(decoded(chat_pb2.CreateInviteRequest, service.create_invite))
            ),
            "AcceptInvite": _unary(
                edge.dial(decoded(chat_pb2.AcceptInviteRequest, service.accept_invite))
            ),
            "GetNode": _unary(unary(decoded(chat_pb2.GetNodeRequest, service.get_node))),
            "ListPeers": _unary(unary(decoded(chat_pb2.ListPeersRequest, service.list_peers))),
            "JoinRoom": _unary(unary(decoded(chat_pb2.JoinRoomRequest, service.join_room))),
            "LeaveRoom": _unary(unary(decoded(chat_pb2.LeaveRoomRequest, service.leave_room))),
            "ListRooms": _unary(unary(decoded(chat_pb2.ListRoomsRequest, service.list_rooms))),
            "ListMessages": _unary(
                unary(decoded(chat_pb2.ListMessagesRequest, service.list_messages))
            ),
            **_people_handlers(service, edge),
            **_direct_handlers(service, edge),
            **_reading_handlers(service.reading, service.search, unary),
            "Events": grpc.unary_stream_rpc_method_handler(
                edge.stream(decoded(chat_pb2.EventsRequest, service.events)),
                request_deserializer=None,
                response_serializer=None,
            ),
            "PublishStream": grpc.stream_stream_rpc_method_handler(
                edge.stream(service.publish_stream),
                request_deserializer=None,
                response_serializer=chat_pb2.PublishStreamResponse.SerializeToString,
            ),
        },
    )


def _reading_handlers(
    reading: ReadingCalls, search: SearchCalls, unary: Callable[[UnaryMethod], UnaryMethod]
) -> dict[str, Handler]:
    """Name the calls about what was read, and who has it."""
    return {
        "ListConversations": _unary(
            unary(decoded(chat_pb2.ListConversationsRequest, reading.list_conversations))
        ),
        "SetReadMarker": _unary(
            unary(decoded(chat_pb2.SetReadMarkerRequest, reading.set_read_marker))
        ),
        "ForgetRoom": _unary(unary(decoded(chat_pb2.ForgetRoomRequest, reading.forget_room))),
        "SearchMessages": _unary(
            unary(decoded(chat_pb2.SearchMessagesRequest, search.search_messages))
        ),
        "GetMessage": _unary(unary(decoded(chat_pb2.GetMessageRequest, reading.get_message))),
    }


def _direct_handlers(service: ChatService, edge: Edge) -> dict[str, Handler]:
    """Name the calls about messages to and from one peer."""
    directs, unary = service.directs, edge.unary
    return {
        "SendDirect": _unary(
            edge.publish(decoded(chat_pb2.SendDirectRequest, service.send_direct))
        ),
        "ListDirectRequests": _unary(
            unary(decoded(chat_pb2.ListDirectRequestsRequest, directs.list_direct_requests))
        ),
        "AcceptDirect": _unary(unary(decoded(chat_pb2.AcceptDirectRequest, directs.accept_direct))),
        "DeclineDirect": _unary(
            unary(decoded(chat_pb2.DeclineDirectRequest, directs.decline_direct))
        ),
    }


def _people_handlers(service: ChatService, edge: Edge) -> dict[str, Handler]:
    """Name the calls about people: profiles, petnames, and who is left alone."""
    unary = edge.unary
    return {
        "SetProfile": _unary(
            unary(decoded(chat_pb2.SetProfileRequest, service.profiles.set_profile))
        ),
        "GetProfile": _unary(
            edge.dial(decoded(chat_pb2.GetProfileRequest, service.profiles.get_profile))
        ),
        "ListProfiles": _unary(
            unary(decoded(chat_pb2.ListProfilesRequest, service.profiles.list_profiles))
        ),
        "SetPetname": _unary(
            unary(decoded(chat_pb2.SetPetnameRequest, service.profiles.set_petname))
        ),
        "DisconnectPeer": _unary(
            unary(decoded(chat_pb2.DisconnectPeerRequest, service.people.disconnect_peer))
        ),
        "BlockPeer": _unary(unary(decoded(chat_pb2.BlockPeerRequest, service.people.block_peer))),
        "UnblockPeer": _unary(
            unary(decoded(chat_pb2.UnblockPeerRequest, service.people.unblock_peer))
        ),
        "HideMessage": _unary(
            unary(decoded(chat_pb2.HideMessageRequest, service.people.hide_message))
        ),
        "MuteRoom": _unary(unary(decoded(chat_pb2.MuteRoomRequest, service.people.mute_room))),
        "ListBlockedPeers": _unary(
            unary(decoded(chat_pb2.ListBlockedPeersRequest, service.people.list_blocked_peers))
        ),
    }


def _unary(method: UnaryMethod) -> Handler:
    return grpc.unary_unary_rpc_method_handler(
        method,
        request_deserializer=None,
        response_serializer=_encode,
    )


def _encode(message: Proto) -> bytes:
    return message.SerializeToString()
