"""Reading the addresses that callers want dialled."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2pd.errors import InvalidInputError
from p2pd.net.addresses import peer_info_from_text

PEER = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"
RSA_PEER = "QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN"


@pytest.mark.parametrize(
    "where",
    [
        "/ip4/192.0.2.7/tcp/4001",
        "/ip6/2001:db8::7/tcp/4001",
        "/ip4/192.0.2.7/tcp/4002/ws",
        "/dns4/node.example/tcp/4001",
        "/dnsaddr/bootstrap.example",
        "/ip4/192.0.2.7/udp/4001/quic-v1",
    ],
)
@pytest.mark.parametrize("peer", [PEER, RSA_PEER])
def test_address_with_a_peer_id_is_read(where: str, peer: str) -> None:
    info = peer_info_from_text(f" {where}/p2p/{peer}\n")
    assert str(info.peer_id) == peer
    assert [str(each) for each in info.addrs] == [where]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("/ip4/192.0.2.7/tcp/4001", "must end in /p2p/"),
        (f"/p2p/{PEER}", "not where it is"),
        (f"/ip4/192.0.2.7/tcp/4001/p2p/{PEER}/ws", "must end in /p2p/"),
        ("", "must end in /p2p/"),
        ("192.0.2.7:4001", "not a multiaddr"),
        ("/ip4/192.0.2.7/tcp/4001/p2p/nobody", "not a multiaddr"),
        (f"/ip4/192.0.2.7/tcp/4001/p2p/{PEER}" + "/tcp/1" * 200, "at most 1024 characters"),
    ],
)
def test_what_is_missing_is_told(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInputError, match=sentence) as caught:
        peer_info_from_text(text)
    assert (caught.value.field, caught.value.reason) == ("address", "INVALID_ADDRESS")


NAMES = ["ip4", "ip6", "tcp", "udp", "ws", "p2p", "dns", "dnsaddr", "ip6zone", "unix", "onion3"]
VALUES = ["1", "127.0.0.1", "::1", PEER, "a.example", "\x00", "é", ""]
WORD = st.one_of(st.text(max_size=8), st.sampled_from(NAMES), st.sampled_from(VALUES))
PARTS = st.lists(WORD)


@given(st.one_of(st.text(max_size=200), PARTS.map(lambda parts: "/" + "/".join(parts))))
def test_any_junk_is_the_callers_mistake(text: str) -> None:
    with suppress(InvalidInputError):
        peer_info_from_text(text)
