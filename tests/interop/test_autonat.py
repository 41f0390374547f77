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
    with open_internet(4, tmp_path, services) as internet:
        at_server, at_asker, *at_ours = internet.machines
        ours, second = (internet.start(f"ours{n}", each) for n, each in enumerate(at_ours))
        hidden = internet.start("hidden", internet.home)
        listens = f"/ip4/{at_asker.address}/udp/4001/quic-v1"
        ask = [*at_asker.prefix, *go_peer(listens, "-check"), ours.address, second.address]
        serve = [*at_server.prefix, *go_peer(f"/ip4/{at_server.address}/tcp/4001", "-autonat")]
        with ForeignPeer(ask) as asker, ForeignPeer(serve) as server:
            wait_until(ours.peers, lambda peers: asker.peer_id in peers)
            for node, ip, is_reachable in (
                (ours, at_ours[0].address, True),
                (hidden, internet.router.address, False),
            ):
                connect(node, server.address)
                seen = wait_until(partial(answers_of, server, node), timeout_s=40)
                assert [(each.is_reachable, each.address) for each in seen] == [
                    (is_reachable, f"/ip4/{ip}/tcp/4001")
                ]
            asker.wait_reachability("Public")
            # Of version 2: only that one names addresses, and it needs two who agree.
            wait_until(lambda: asker.reachable, lambda found: listens in found, timeout_s=40)


def answers_of(peer: ForeignPeer, node: NodeProcess) -> list[chat_pb2.ReachabilityEvidence]:
    return [each for each in answers(get_node(node)) if each.peer_id == peer.peer_id]


def go_peer(listens: str, flag: str) -> list[str]:
    return [go_program("go-peer"), "-room", "elsewhere", "-listen", listens, flag]
