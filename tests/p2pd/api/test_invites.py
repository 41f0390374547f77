"""Invites over real gRPC and real libp2p: made by one node, accepted by another."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import grpc
import pytest
from wsp.chat.v1 import chat_pb2

from p2pd.domain.names import PeerId
from p2pd.net.addresses import bytes_from_address, bytes_from_peer_id
from tests.driver.fixtures import StartNode
from tests.driver.waiting import wait_until
from tests.p2pd.api.reading import CALL_S, field_of, reason_of
from tests.p2pd.api.running import RunningApi, running_api, stub_of

NOBODY = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"
STALE = [f"/ip4/127.0.0.1/tcp/{port}" for port in (1, 2, 3, 4)]


def line_of(peer_id: bytes, addresses: list[bytes], room: str = "garden") -> str:
    """Write an invite as the proto says, without the node's own code."""
    message = chat_pb2.Invite(room=room, peer_id=peer_id, addresses=addresses)
    return "wsp:" + base64.urlsafe_b64encode(message.SerializeToString()).decode().rstrip("=")


def accept(stub: Any, line: str) -> chat_pb2.AcceptInviteResponse:
    request = chat_pb2.AcceptInviteRequest(invite=line)
    accepted: chat_pb2.AcceptInviteResponse = stub.AcceptInvite(request, timeout=CALL_S)
    return accepted


def test_who_accepts_an_invite_is_in_the_room_with_its_maker(tmp_path: Path) -> None:
    with running_api(tmp_path / "a") as a, running_api(tmp_path / "b") as b:
        maker, guest = stub_of(a.channel()), stub_of(b.channel())
        maker.JoinRoom(chat_pb2.JoinRoomRequest(room="garden"))
        made = maker.CreateInvite(chat_pb2.CreateInviteRequest(room="garden"))
        assert made.invite.isascii()
        assert len(made.invite) < 300
        assert 0 < len(made.addresses) <= 5
        accepted = accept(guest, f" {made.invite}\n")
        assert accepted.room.name == "garden"
        assert accepted.peer.peer_id == maker.GetNode(chat_pb2.GetNodeRequest()).node.peer_id
        assert accepted.peer.connection.kind == chat_pb2.CONNECTION_KIND_DIRECT
        assert not accepted.failure
        guest.Publish(chat_pb2.PublishRequest(room="garden", text="here"))
        wait_until(lambda: maker.ListMessages(chat_pb2.ListMessagesRequest(room="garden")).messages)


def test_stale_addresses_and_unknown_protocols_do_not_hold_up_the_one_that_answers(
    tmp_path: Path,
) -> None:
    with running_api(tmp_path / "a") as a, running_api(tmp_path / "b") as b:
        node = a.on_trio(a.chat.directory.node)
        own = [one.removesuffix(f"/p2p/{node.peer_id}") for one in node.addresses]
        addresses = [b"\xff\xff\x7f", *map(bytes_from_address, [*STALE, *own])]
        line = line_of(bytes_from_peer_id(node.peer_id), addresses)
        accepted = accept(stub_of(b.channel()), line)
        assert accepted.peer.HasField("connection")
        assert not accepted.failure


def test_a_peer_that_is_offline_is_named_and_the_room_joined(tmp_path: Path) -> None:
    with running_api(tmp_path / "b") as b:
        guest = stub_of(b.channel())
        line = line_of(bytes_from_peer_id(PeerId(NOBODY)), [bytes_from_address(STALE[0])])
        accepted = accept(guest, line)
        assert accepted.room.name == "garden"
        assert accepted.peer.peer_id == NOBODY
        assert not accepted.peer.HasField("connection")
        assert "nobody answered at /ip4/127.0.0.1/tcp/1; they may be offline" in accepted.failure
        rooms = guest.ListRooms(chat_pb2.ListRoomsRequest()).rooms
        assert "garden" in [room.name for room in rooms]


PEER = bytes_from_peer_id(PeerId(NOBODY))
PLACE = [bytes_from_address(STALE[0])]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "INVALID_INVITE"),
        ("wsp:", "INVALID_INVITE"),
        ("nonsense", "INVALID_INVITE"),
        ("https://example.org/#invite=wsp:x", "INVALID_INVITE"),
        ("wsp:*****", "INVALID_INVITE"),
        ("wsp:a", "INVALID_INVITE"),
        (line_of(PEER, PLACE)[:-7], "INVALID_INVITE"),
        (line_of(b"", PLACE), "INVALID_INVITE"),
        (line_of(b"\x00\x24short", PLACE), "INVALID_INVITE"),
        (line_of(PEER, []), "INVALID_INVITE"),
        (line_of(PEER, [b"\xff\xff\x7f"]), "INVALID_INVITE"),
        ("wsp:" + "A" * 5000, "INVALID_INVITE"),
        ("wsp:ä\U0001f600", "INVALID_INVITE"),
        (line_of(PEER, PLACE, "a\tb"), "INVALID_ROOM"),
    ],
)
def test_what_is_no_invite_is_refused_by_name(stub: Any, line: str, reason: str) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        accept(stub, line)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (reason_of(caught.value), field_of(caught.value)) == (reason, "invite")


def test_own_invite_is_refused(api: RunningApi, stub: Any) -> None:
    made = stub.CreateInvite(chat_pb2.CreateInviteRequest())
    with pytest.raises(grpc.RpcError) as caught:
        accept(stub, made.invite)
    assert reason_of(caught.value) == "SELF_DIAL"


def test_a_node_that_nobody_can_dial_says_so_instead_of_inviting(start_node: StartNode) -> None:
    node = start_node("hidden", listen="none")
    with node.open_channel() as channel, pytest.raises(grpc.RpcError) as caught:
        stub_of(channel).CreateInvite(chat_pb2.CreateInviteRequest())
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert reason_of(caught.value) == "NO_ADDRESS"
