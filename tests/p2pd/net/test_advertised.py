"""What a peer says of itself: cut in bytes, whatever it is made of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from libp2p.identity.identify.pb.identify_pb2 import Identify
from multiaddr import Multiaddr

from p2pd.net.advertised import (
    MAX_ADDRESS_CHARS,
    MAX_ADDRESSES,
    MAX_AGENT_BYTES,
    MAX_PROTOCOL_BYTES,
    MAX_PROTOCOLS_BYTES,
    bounded_addresses,
    bounded_agent,
    bounded_protocols,
)
from p2pd.net.patches.identify import bounded_message

texts = st.one_of(st.text(max_size=600), st.binary(max_size=600))


@given(texts)
def test_an_agent_is_printable_text_of_bounded_size(agent: str | bytes) -> None:
    bounded = bounded_agent(agent)
    assert len(bounded.encode()) <= MAX_AGENT_BYTES
    assert bounded.isprintable()


@given(st.lists(texts, max_size=60))
def test_all_protocol_names_together_are_of_bounded_size(names: list[str | bytes]) -> None:
    bounded = bounded_protocols(names)
    sizes = [len(name.encode()) for name in bounded]
    assert max(sizes, default=0) <= MAX_PROTOCOL_BYTES
    assert sum(sizes) <= MAX_PROTOCOLS_BYTES
    assert len(set(bounded)) == len(bounded)


def test_ordinary_names_stay_as_they_are() -> None:
    names = ["/ipfs/id/1.0.0", "/meshsub/1.2.0", "/ipfs/kad/1.0.0"]
    assert bounded_protocols(names) == tuple(names)
    assert bounded_agent("kubo/0.30.0 (linux) ü") == "kubo/0.30.0 (linux) ü"


@pytest.mark.parametrize("cut_char", ["ü", "語", "\U0001f600"])
def test_a_text_is_cut_between_two_characters(cut_char: str) -> None:
    bounded = bounded_agent(cut_char * 300)
    assert set(bounded) == {cut_char}
    assert MAX_AGENT_BYTES - 4 < len(bounded.encode()) <= MAX_AGENT_BYTES


@pytest.mark.parametrize("agent", ["a\x00b", "a\nb", "a\x1bb", b"a\x7fb", "a\ud800b", "a\u202eb"])
def test_what_cannot_be_printed_is_left_out(agent: str | bytes) -> None:
    assert bounded_agent(agent) == "ab"


def test_a_short_name_behind_one_that_does_not_fit_stays() -> None:
    long = [f"/{number:03}" + "x" * 200 for number in range(40)]
    assert "/meshsub/1.2.0" not in bounded_protocols([*long[:16], "/meshsub/1.2.0"])
    assert "/meshsub/1.2.0" in bounded_protocols([*long[:15], "/meshsub/1.2.0"])


QUIC = Multiaddr("/ip4/192.0.2.7/udp/4001/quic-v1")


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xff\x03abc",
        b"\x04\x7f",
        b"\x04\x7f\x00\x00\x01\xff\xff\x7f",
        b"\x35" + b"\xff\x7f" + b"a" * 16_000,
        b"\x00" * 40,
    ],
)
def test_an_address_that_cannot_be_named_is_passed_over(raw: bytes) -> None:
    bounded = bounded_addresses([raw, QUIC.to_bytes()])
    assert QUIC in bounded
    assert all(str(each).isprintable() for each in bounded)


def test_addresses_are_bounded_in_number_and_length() -> None:
    many = [Multiaddr(f"/dns4/{'a' * 40}.example/tcp/{port}") for port in range(1, 60)]
    long = Multiaddr("/dns4/" + ".".join(["a" * 60] * 4) + "/tcp/1/p2p-circuit")
    bounded = bounded_addresses([long, *many, *many])
    assert bounded == many[:MAX_ADDRESSES]
    assert all(len(str(each)) <= MAX_ADDRESS_CHARS for each in bounded)


@given(st.binary(max_size=300))
def test_any_bytes_make_a_bounded_message_or_none(encoded: bytes) -> None:
    message = Identify()
    try:
        message.ParseFromString(encoded)
    # Not a message at all; the reader of the stream refuses it.
    except Exception:
        return
    bounded = bounded_message(message)
    assert all(isinstance(name, str) for name in bounded.protocols)
    assert isinstance(bounded.agent_version, str)
