"""What frames of circuit relay v2 mean, and what is refused of them."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.peer.id import ID
from libp2p.relay.circuit_v2.pb.circuit_pb2 import HopMessage, Status, StopMessage

from p2pd.net.relay.messages import (
    UNLIMITED,
    CircuitLimit,
    RelayError,
    hop_status,
    limit_from_status,
    message_from_bytes,
    peer_id_from_bytes,
    stop_request,
    stop_request_from_message,
)

PEER = ID.from_pubkey(create_new_key_pair().public_key)
LIMIT = CircuitLimit(max_bytes=131072, max_s=120)


def test_unlimited_circuit_has_no_limit_on_the_wire() -> None:
    """Defect 38: go and js take a connection for limited where the field is there at all."""
    assert not hop_status(Status.OK, UNLIMITED).HasField("limit")
    assert not stop_request(PEER, UNLIMITED).HasField("limit")


@pytest.mark.parametrize("limit", [UNLIMITED, LIMIT, CircuitLimit(max_s=60)])
def test_limit_is_read_as_it_was_written(limit: CircuitLimit) -> None:
    assert limit_from_status(hop_status(Status.OK, limit)) == limit
    offer = stop_request_from_message(stop_request(PEER, limit))
    assert (offer.source, offer.limit) == (PEER, limit)


@pytest.mark.parametrize("status", [Status.NO_RESERVATION, Status.RESOURCE_LIMIT_EXCEEDED])
def test_refusal_names_its_status(status: Status.ValueType) -> None:
    with pytest.raises(RelayError, match=Status.Name(status)) as caught:
        limit_from_status(hop_status(status))
    assert (caught.value.status, caught.value.is_fault) == (status, False)


@pytest.mark.parametrize(
    "message",
    [HopMessage(), HopMessage(type=HopMessage.CONNECT), HopMessage(type=HopMessage.RESERVE)],
)
def test_answer_that_is_no_status_is_a_fault(message: HopMessage) -> None:
    with pytest.raises(RelayError) as caught:
        limit_from_status(message)
    assert caught.value.is_fault


@pytest.mark.parametrize("raw", [b"", b"\x12\x20short", b"\xff" * 34, b"\x00" * 200])
def test_peer_id_that_is_no_multihash_is_a_fault(raw: bytes) -> None:
    with pytest.raises(RelayError) as caught:
        peer_id_from_bytes(raw)
    assert caught.value.is_fault


@given(st.binary(max_size=200))
def test_no_frame_raises_anything_but_a_relay_error(frame: bytes) -> None:
    with suppress(RelayError):
        stop_request_from_message(message_from_bytes(StopMessage, frame))
