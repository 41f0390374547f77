"""Profiles between real nodes, and at the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import httpx
from wsp.chat.v1 import chat_pb2, chat_pb2_grpc

from tests.driver import NodeProcess
from tests.driver.fixtures import StartGateway, StartNode
from tests.driver.waiting import wait_until

PNG = b"\x89PNG\r\n\x1a\n<script>alert(1)</script>"


@contextmanager
def stub_of(node: NodeProcess) -> Iterator[Any]:
    with node.open_channel() as channel:
        yield chat_pb2_grpc.ChatServiceStub(channel)


def set_profile(node: NodeProcess, **fields: Any) -> None:
    with stub_of(node) as stub:
        stub.SetProfile(chat_pb2.SetProfileRequest(profile=chat_pb2.Profile(**fields)))


def names_at(node: NodeProcess) -> dict[str, str]:
    with stub_of(node) as stub:
        found = stub.ListProfiles(chat_pb2.ListProfilesRequest()).profiles
    return {one.peer_id: one.name for one in found}


def wait_name(node: NodeProcess, other: NodeProcess, name: str) -> None:
    wait_until(lambda: names_at(node).get(other.peer_id), lambda found: found == name)


def test_peers_that_meet_know_who_they_are_over_a_restart(
    start_node: StartNode, start_gateway: StartGateway
) -> None:
    a, b = start_node("a"), start_node("b")
    set_profile(a, name="  Ada  Lovelace", about="likes bees", color="#0080ff", avatar=PNG)
    set_profile(b, name="Bob")
    a.connect(b)
    wait_name(b, a, "Ada Lovelace")
    wait_name(a, b, "Bob")
    set_profile(a, name="Countess", avatar=PNG)
    wait_name(b, a, "Countess")
    a.kill()
    b.kill()
    b.start()
    assert names_at(b) == {a.peer_id: "Countess", b.peer_id: "Bob"}
    with stub_of(b) as stub:
        profile = stub.GetProfile(chat_pb2.GetProfileRequest(peer_id=a.peer_id)).profile
    assert (profile.avatar, profile.avatar_type) == (PNG, "image/png")
    assert profile.expire_time.seconds > profile.update_time.seconds
    gateway = start_gateway(b)
    gateway.wait_node_reachable()
    picture = httpx.get(f"{gateway.url}/api/peers/{a.peer_id}/avatar", timeout=30)
    assert (picture.content, picture.headers["content-type"]) == (PNG, "image/png")
    assert picture.headers["x-content-type-options"] == "nosniff"
    policies = picture.headers.get_list("content-security-policy")
    assert "default-src 'none'; sandbox" in policies


def test_a_second_peer_of_a_known_name_is_told_apart(start_node: StartNode) -> None:
    a, b, c = start_node("a"), start_node("b"), start_node("c")
    set_profile(b, name="Ada")
    set_profile(c, name="Аdа")
    with stub_of(a) as stub:
        events = stub.Events(chat_pb2.EventsRequest())
        a.connect(b)
        wait_name(a, b, "Ada")
        a.connect(c)
        seen = [
            event.profile_changed
            for event in until_profile_of(events, c)
            if event.WhichOneof("event") == "profile_changed"
        ]
        events.cancel()
    assert [one.name_seen_before for one in seen] == [False, True]
    assert list(seen[-1].profile.lookalike_ids) == [b.peer_id]


def until_profile_of(events: Any, node: NodeProcess) -> Iterator[chat_pb2.Event]:
    for response in events:
        for event in response.events:
            yield event
            if event.profile_changed.profile.peer_id == node.peer_id:
                return


def test_the_dht_knows_who_a_peer_is_that_was_never_met(start_node: StartNode) -> None:
    reader, between, owner = start_node("reader"), start_node("between"), start_node("owner")
    set_profile(owner, name="Ada", avatar=PNG)
    with stub_of(reader) as stub:
        # So that the two do not meet by way of the third.
        stub.BlockPeer(chat_pb2.BlockPeerRequest(peer_id=owner.peer_id))
        owner.connect(between)
        reader.connect(between)
        request = chat_pb2.GetProfileRequest(peer_id=owner.peer_id)
        found = wait_until(lambda: stub.GetProfile(request).profile, ignoring=(grpc.RpcError,))
    assert (found.name, found.avatar) == ("Ada", PNG)
