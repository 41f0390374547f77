"""Every decoder of bytes from outside returns, or raises the one error that it names."""

from __future__ import annotations

import random
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress

import pytest
from google.protobuf.message import DecodeError, Message
from hypothesis import given, settings
from hypothesis import strategies as st
from libp2p.crypto.ed25519 import create_new_key_pair
from libp2p.host.autonat.pb import autonat_pb2
from libp2p.identity.identify.pb import identify_pb2
from libp2p.peer.envelope import Envelope, make_unsigned
from libp2p.peer.id import ID
from libp2p.pubsub.pb import rpc_pb2
from libp2p.relay.circuit_v2.pb import circuit_pb2, dcutr_pb2
from multiaddr import Multiaddr
from wsp.chat.v1 import chat_pb2
from wsp.direct.v1 import direct_pb2
from wsp.profile.v1 import profile_pb2
from wsp.sync.v1 import sync_pb2

from p2pd.api.invite_line import invite_from_line
from p2pd.domain.cursors import cursor_from_text
from p2pd.domain.names import PeerId, room_from_text
from p2pd.domain.rejections import MessageRefusedError
from p2pd.errors import InvalidInputError
from p2pd.net.addresses import peer_from_bytes, peer_id_from_text
from p2pd.net.direct.field import message_from_request, verdict_from_response
from p2pd.net.direct.records import message_from_record
from p2pd.net.discovery.mdns_records import peers_from_text
from p2pd.net.multiaddrs import multiaddr_from_text
from p2pd.net.patches.identify import bounded_message
from p2pd.net.profiles.record import DOMAIN as PROFILE_DOMAIN
from p2pd.net.profiles.record import PAYLOAD_TYPE, ProfileRefusedError, open_profile
from p2pd.net.pubsub.frames import FrameError, FrameReader, split_rpc
from p2pd.net.pubsub.messages import MessageVerifier, message_from_bytes
from p2pd.net.punch.exchange import ExchangeError, Responder
from p2pd.net.reachability.autonat import (
    AutonatError,
    addresses_from_request,
    answer_from_response,
)
from p2pd.net.reachability.mapping import natpmp, pcp
from p2pd.net.reachability.mapping.router import MappingError
from p2pd.net.relay.messages import (
    RelayError,
    check_status,
    limit_from_message,
    limit_from_status,
    peer_id_from_bytes,
    stop_request_from_message,
)
from p2pd.net.relay.messages import message_from_bytes as relay_message_from_bytes
from p2pd.net.yamux.frames import HEADER, ProtocolError, decode_header
from p2pd.sync.errors import SyncAbuseError
from p2pd.sync.ranges_from_proto import items_from_proto, ranges_from_proto
from p2pd.sync.session.frames import FrameDecoder
from tests.fuzz.mutations import Filler, framed, mutated

KEY = create_new_key_pair(b"fuzz".ljust(32))
PEER = ID.from_pubkey(KEY.public_key)
BLOBS = (PEER.to_bytes(), Multiaddr("/ip4/10.0.0.1/tcp/4001").to_bytes(), bytes(8), bytes(32))
WORDS = ("chat-room", "/meshsub/1.3.0", "/ip4/10.0.0.1/tcp/4001")
NONCE = bytes(pcp.NONCE_BYTES)

seeds = st.integers(0, 2**32)
Decode = Callable[[bytes], object]


def damaged(kind: type[Message], seed: int) -> bytes:
    """Make a message of a kind that was filled and damaged by chance."""
    chance = random.Random(seed)
    message = Filler(chance, BLOBS, WORDS).filled(kind())
    return mutated(message.SerializePartialToString(), chance)


def read_hop(data: bytes) -> None:
    message = relay_message_from_bytes(circuit_pb2.HopMessage, data)
    limit_from_message(message)
    check_status(message)
    limit_from_status(message)


def read_stop(data: bytes) -> None:
    stop_request_from_message(relay_message_from_bytes(circuit_pb2.StopMessage, data))


def read_session(data: bytes) -> None:
    decoder = FrameDecoder()
    decoder.feed(framed(data, random.Random(len(data))))
    while (frame := decoder.next_frame()) is not None:
        for ranges in (frame.open.ranges, frame.ranges):
            ranges_from_proto(ranges)
            for part in ranges.ranges:
                items_from_proto(part.items)


def read_rpc(data: bytes) -> None:
    verifier = MessageVerifier()
    for frame in FrameReader(1 << 20).feed(framed(data, random.Random(len(data)))):
        messages, rest = split_rpc(frame)
        assert sum(map(len, messages)) + len(rest) <= len(frame)
        for signed in messages:
            verifier.verify(message_from_bytes(signed))


def read_signed(data: bytes) -> None:
    MessageVerifier().verify(message_from_bytes(data))


def read_dial_request(data: bytes) -> None:
    addresses_from_request(autonat_pb2.Message.FromString(data), PEER)


def read_dial_response(data: bytes) -> None:
    answer_from_response(autonat_pb2.Message.FromString(data))


def read_punch(data: bytes) -> None:
    message = dcutr_pb2.HolePunch.FromString(data)
    responder = Responder()
    responder.receive_connect(message, [])
    responder.receive_sync(message)


def read_identify(data: bytes) -> None:
    bounded = bounded_message(identify_pb2.Identify.FromString(data))
    assert bounded.ByteSize() < 64 << 10


def read_profile(data: bytes) -> None:
    signature = KEY.private_key.sign(make_unsigned(PROFILE_DOMAIN, PAYLOAD_TYPE, data))
    sealed = Envelope(KEY.public_key, PAYLOAD_TYPE, data, signature).marshal_envelope()
    for each in (sealed, mutated(sealed, random.Random(len(data))), data):
        with suppress(ProfileRefusedError):
            open_profile(each, PeerId(str(PEER)), 10**9)


def read_invite(data: bytes) -> None:
    invite_from_line("wsp:" + urlsafe_b64encode(data).decode())


def read_record(data: bytes) -> None:
    own_id = PeerId(PEER.to_base58())
    for other_id in (own_id, None):
        message_from_record(data, own_id, other_id, 0)


def read_field_request(data: bytes) -> None:
    message_from_request(data, PeerId(PEER.to_base58()), 0)


MESSAGES: dict[str, tuple[type[Message], Decode, tuple[type[Exception], ...]]] = {
    "relay hop": (circuit_pb2.HopMessage, read_hop, (RelayError,)),
    "relay stop": (circuit_pb2.StopMessage, read_stop, (RelayError,)),
    "profile": (profile_pb2.ProfileRecord, read_profile, ()),
    "synchronisation": (sync_pb2.Frame, read_session, (SyncAbuseError,)),
    "pubsub": (rpc_pb2.RPC, read_rpc, (FrameError, MessageRefusedError)),
    "signed message": (rpc_pb2.Message, read_signed, (MessageRefusedError,)),
    "autonat request": (autonat_pb2.Message, read_dial_request, (AutonatError, DecodeError)),
    "autonat answer": (autonat_pb2.Message, read_dial_response, (AutonatError, DecodeError)),
    "hole punching": (dcutr_pb2.HolePunch, read_punch, (ExchangeError, DecodeError)),
    "identify": (identify_pb2.Identify, read_identify, (DecodeError,)),
    "invite": (chat_pb2.Invite, read_invite, (InvalidInputError,)),
    "direct record": (direct_pb2.DirectRecord, read_record, (MessageRefusedError,)),
    "field request": (direct_pb2.FieldRequest, read_field_request, (MessageRefusedError,)),
    "field response": (direct_pb2.FieldResponse, verdict_from_response, ()),
}


@pytest.mark.parametrize("name", MESSAGES)
@given(seed=seeds)
@settings(max_examples=150)
def test_a_damaged_message_is_read_or_refused_by_name(name: str, seed: int) -> None:
    kind, decode, named = MESSAGES[name]
    with suppress(*named):
        decode(damaged(kind, seed))


def read_pcp(data: bytes) -> None:
    pcp.mapping_from_answer(b"\x02\x81\0\0" + data, "tcp", NONCE)


def read_natpmp(data: bytes) -> None:
    natpmp.mapping_from_answer(data, "udp")


def read_natpmp_address(data: bytes) -> None:
    natpmp.address_from_answer(data)


def read_text_as(decode: Callable[[str], object]) -> Decode:
    return lambda data: decode(data.decode(errors="surrogateescape"))


BYTES: dict[str, tuple[Decode, tuple[type[Exception], ...]]] = {
    "yamux header": (lambda data: decode_header(data.ljust(HEADER.size), 0), (ProtocolError,)),
    "mdns record": (peers_from_text, ()),
    "peer id": (peer_from_bytes, ()),
    "relayed peer id": (peer_id_from_bytes, (RelayError,)),
    "pcp answer": (read_pcp, (MappingError,)),
    "natpmp answer": (read_natpmp, (MappingError,)),
    "natpmp address": (read_natpmp_address, (MappingError,)),
    "cursor": (read_text_as(cursor_from_text), ()),
    "multiaddr": (read_text_as(multiaddr_from_text), (ValueError,)),
    "invite": (read_text_as(invite_from_line), (InvalidInputError,)),
    "room": (read_text_as(room_from_text), (InvalidInputError,)),
    "peer id in a request": (read_text_as(peer_id_from_text), (InvalidInputError,)),
}


@pytest.mark.parametrize("name", BYTES)
@given(data=st.one_of(st.binary(max_size=200), st.sampled_from(BLOBS), st.text().map(str.encode)))
@settings(max_examples=150)
def test_arbitrary_bytes_are_read_or_refused_by_name(name: str, data: bytes) -> None:
    decode, named = BYTES[name]
    with suppress(*named):
        decode(data)
