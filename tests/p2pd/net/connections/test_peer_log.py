"""Peers that come and go are logged, within a rate."""

from __future__ import annotations

from structlog.testing import capture_logs

from p2pd.domain.names import PeerId
from p2pd.domain.peers import Connection, ConnectionKind, Direction, Peer
from p2pd.net.connections.peer_log import LINES_BURST, PeerLog

PEER = Peer(
    PeerId("12D3KooWA"),
    connection=Connection(
        "/ip4/192.0.2.7/tcp/4001", ConnectionKind.DIRECT, "tcp", Direction.INBOUND, 0
    ),
)


def test_a_peer_is_logged_with_its_address_and_direction() -> None:
    peers = PeerLog(lambda: 0.0)
    with capture_logs() as lines:
        peers.report_connected(PEER)
        peers.report_disconnected(PEER.peer_id)
    assert [(line["event"], line["log_level"], line["peer_id"]) for line in lines] == [
        ("peer connected", "info", PEER.peer_id),
        ("peer disconnected", "info", PEER.peer_id),
    ]
    assert lines[0]["address"] == "/ip4/192.0.2.7/tcp/4001"
    assert lines[0]["direction"] == "inbound"


def test_a_crowd_gets_so_many_lines_and_the_others_a_count() -> None:
    now_s = 0.0
    peers = PeerLog(lambda: now_s)
    with capture_logs() as lines:
        for _ in range(LINES_BURST + 40):
            peers.report_disconnected(PEER.peer_id)
        assert len(lines) == LINES_BURST
        now_s = 10.0
        peers.report_disconnected(PEER.peer_id)
    assert lines[-2]["lines"] == 40
