"""Peers of go-libp2p dial ours, and ours theirs, to find out who can be reached."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from wsp.chat.v1 import chat_pb2

from tests.driver import NodeProcess
from tests.driver.process import Service
from tests.driver.waiting import wait_until
from tests.interop.foreign_peer import ForeignPeer
from tests.interop.programs import go_program
from tests.network.internet import connect, get_node, open_internet
from tests.network.test_reachability import answers

pytestmark = pytest.mark.netns


def test_go_and_ours_tell_each_other_whether_they_can_be_reached(
    tmp_path: Path, services: list[Service]
) -> None:
    with open_internet(3, tmp_path, services) as internet:
        at_server, at_asker, at_ours = internet.machines
        ours = internet.start("ours", at_ours)
        hidden = internet.start("hidden", internet.home)
        with (
            ForeignPeer([*at_asker.prefix, *go_peer(at_asker.address), ours.address]) as asker,
            ForeignPeer([*at_server.prefix, *go_peer(at_server.address), "-autonat"]) as server,
        ):
            wait_until(ours.peers, lambda peers: asker.peer_id in peers)
            for node, is_reachable in ((ours, True), (hidden, False)):
                connect(node, server.address)
                seen = wait_until(partial(answers_of, server, node), timeout_s=40)
                assert [each.is_reachable for each in seen] == [is_reachable]
            asker.wait_reachability("Public")


def answers_of(peer: ForeignPeer, node: NodeProcess) -> list[chat_pb2.ReachabilityEvidence]:
    return [each for each in answers(get_node(node)) if each.peer_id == peer.peer_id]


def go_peer(address: str) -> list[str]:
    return [go_program("go-peer"), "-room", "elsewhere", "-listen", f"/ip4/{address}/tcp/4001"]
