"""Calls for direct messages, as tests make them of node processes."""

from __future__ import annotations

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver.node import NodeProcess
from tests.driver.waiting import DEADLINE_S


def send_direct(
    node: NodeProcess, peer_id: str, text: str, client_message_id: str = ""
) -> chat_pb2.SendDirectResponse:
    """Send a direct message over a channel of its own."""
    request = chat_pb2.SendDirectRequest(
        peer_id=peer_id, text=text, client_message_id=client_message_id
    )
    with node.open_channel() as channel:
        return chat_pb2_grpc.ChatServiceStub(channel).SendDirect(request, timeout=DEADLINE_S)


def direct_page(node: NodeProcess, peer_id: str, limit: int = 0) -> list[chat_pb2.Message]:
    """Return the newest messages of the conversation with a peer."""
    request = chat_pb2.ListMessagesRequest(peer_id=peer_id, limit=limit)
    with node.open_channel() as channel:
        answer = chat_pb2_grpc.ChatServiceStub(channel).ListMessages(request, timeout=DEADLINE_S)
    return [event.message for event in answer.messages]
