"""Invites whose maker is offline when they are accepted."""

from __future__ import annotations

from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import NodeProcess
from tests.driver.fixtures import StartNode


def test_the_maker_is_dialled_until_it_is_there_over_a_restart_too(start_node: StartNode) -> None:
    maker = start_node("maker")
    with maker.open_channel() as channel:
        stub = chat_pb2_grpc.ChatServiceStub(channel)
        line = stub.CreateInvite(chat_pb2.CreateInviteRequest()).invite
    maker.kill()
    guest = start_node("guest")
    accepted = accept(guest, line)
    assert accepted.peer.peer_id == maker.peer_id
    assert accepted.failure
    guest.kill()
    guest.start()
    maker.start()
    guest.wait_peer(maker, "chat-room", timeout_s=60)


def accept(node: NodeProcess, line: str) -> chat_pb2.AcceptInviteResponse:
    with node.open_channel() as channel:
        request = chat_pb2.AcceptInviteRequest(invite=line)
        return chat_pb2_grpc.ChatServiceStub(channel).AcceptInvite(request, timeout=30)
