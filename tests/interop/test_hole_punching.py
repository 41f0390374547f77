"""Holes are punched with go-libp2p's peers, whoever begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from wsp.chat.v1 import chat_pb2

from tests.driver import NodeProcess
from tests.driver.nat_lab import Nat, NatLab, open_nat_lab
from tests.driver.process import Service
from tests.driver.waiting import wait_until
from tests.interop.foreign_peer import ForeignPeer
from tests.interop.programs import go_program
from tests.network.test_relay import ELSEWHERE, connect, get_node, relayed_address

pytestmark = pytest.mark.netns

LISTEN = {"tcp": "/ip4/0.0.0.0/tcp/4001", "quic-v1": "/ip4/0.0.0.0/udp/4001/quic-v1"}
DCUTR = "/libp2p/dcutr"
DIRECT_WITHIN_S = 15.0
SUCCEEDED = chat_pb2.HOLE_PUNCH_RESULT_SUCCEEDED


class Ends:
    """A relay of ours in the open, a node of ours and a go peer behind routers."""

    def __init__(
        self, lab: NatLab, directory: Path, services: list[Service], transport: str
    ) -> None:
        self._transport = transport
        self._lab = lab
        self._directory = directory
        self._services = services
        self.relay = self._start("relay", Nat.OPEN, relay_service="on", rooms=ELSEWHERE)
        self.node = self._start("node", Nat.PORT_KEEPING, relays=self.relay.address)
        self.go_machine = lab.add_machine(Nat.PORT_KEEPING)

    def _start(self, name: str, nat: Nat, **settings: object) -> NodeProcess:
        node = NodeProcess(
            name,
            self._directory,
            prefix=self._lab.add_machine(nat).prefix,
            listen=LISTEN[self._transport],
            grpc_listen=f"unix:{self._directory}/{name}.sock",
            **settings,
        )
        self._services.append(node)
        node.start()
        return node

    def go_peer(self, *arguments: str) -> ForeignPeer:
        command = [*self.go_machine.prefix, go_program("go-peer"), "-punch"]
        return ForeignPeer([*command, "-listen", LISTEN[self._transport], *arguments])

    def wait_ready(self, go: ForeignPeer) -> None:
        """Wait until the go peer punches holes: once it knows where it is seen."""

        def protocols() -> list[str]:
            peer = self.relay.peers().get(go.peer_id)
            return list(peer.protocols) if peer else []

        wait_until(protocols, lambda seen: DCUTR in seen)

    def wait_punched(self, other: str) -> chat_pb2.HolePunch:
        """Wait until a hole was punched, and the conversation is direct."""

        def look() -> list[chat_pb2.HolePunch]:
            punches = get_node(self.node).reach.hole_punches
            return [each for each in punches if each.peer_id == other]

        [punch] = wait_until(look, timeout_s=DIRECT_WITHIN_S)
        assert (punch.result, punch.transport) == (SUCCEEDED, self._transport)
        connection = self.node.peers()[other].connection
        assert connection.kind == chat_pb2.CONNECTION_KIND_DIRECT
        return punch


@pytest.mark.parametrize("transport", LISTEN)
def test_holes_are_punched_with_go_whoever_begins(
    tmp_path: Path, services: list[Service], transport: str
) -> None:
    with open_nat_lab() as lab:
        ends = Ends(lab, tmp_path, services, transport)
        with ends.go_peer("-behind", ends.relay.address) as go:
            ends.wait_ready(go)
            connect(ends.node, go.address)
            assert not ends.wait_punched(go.peer_id).is_initiator
        address = relayed_address(ends.node, ends.relay)
        with ends.go_peer(address) as go:
            assert ends.wait_punched(go.peer_id).is_initiator
