"""The messages of DCUtR and what they are answered with, without a network."""

from __future__ import annotations

import pytest
from libp2p.relay.circuit_v2.pb.dcutr_pb2 import HolePunch
from multiaddr import Multiaddr

from p2pd.net.advertised import MAX_ADDRESSES
from p2pd.net.punch.exchange import ExchangeError, Initiator, Responder

OURS = [Multiaddr("/ip4/11.0.0.1/tcp/4001")]
THEIRS = [Multiaddr("/ip4/11.0.0.2/tcp/4001"), Multiaddr("/ip4/11.0.0.2/udp/4001/quic-v1")]
SYNC = HolePunch(type=HolePunch.SYNC)


def connect_with(*addresses: bytes) -> HolePunch:
    return HolePunch(type=HolePunch.CONNECT, ObsAddrs=addresses)


def test_both_dials_leave_when_the_signal_arrives() -> None:
    initiator, responder = Initiator(OURS), Responder()
    asked = initiator.start(10.0)
    answer = responder.receive_connect(asked, THEIRS)
    signal, at_initiator = initiator.receive(answer, 10.4)
    at_responder = responder.receive_sync(signal)
    assert (initiator.round_trip_s, at_initiator.dial_after_s) == pytest.approx((0.4, 0.2))
    assert at_initiator.addresses == tuple(THEIRS)
    assert (at_responder.addresses, at_responder.dial_after_s) == (tuple(OURS), 0.0)


def test_addresses_that_cannot_be_read_are_left_out_and_the_rest_bounded() -> None:
    many = [Multiaddr(f"/ip4/11.0.1.{number}/tcp/1").to_bytes() for number in range(50)]
    responder = Responder()
    responder.receive_connect(connect_with(b"", b"\xff\xff", *many), OURS)
    assert len(responder.receive_sync(SYNC).addresses) == MAX_ADDRESSES


def test_messages_out_of_turn_are_refused() -> None:
    with pytest.raises(ExchangeError):
        Initiator(OURS).receive(connect_with(), 1.0)
    initiator = Initiator(OURS)
    initiator.start(0.0)
    with pytest.raises(ExchangeError):
        initiator.receive(SYNC, 1.0)
    responder = Responder()
    with pytest.raises(ExchangeError):
        responder.receive_connect(SYNC, OURS)
    with pytest.raises(ExchangeError):
        responder.receive_sync(SYNC)
    responder.receive_connect(connect_with(), OURS)
    with pytest.raises(ExchangeError):
        responder.receive_connect(connect_with(), OURS)
    with pytest.raises(ExchangeError):
        responder.receive_sync(connect_with())
