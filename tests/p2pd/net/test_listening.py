"""Which listen addresses are taken, and what is said of the others."""

from __future__ import annotations

import socket

import pytest

from p2pd.net.errors import ListenError
from p2pd.net.listening import listen_addresses_from_text


@pytest.mark.parametrize(
    "addresses",
    [
        ("/ip4/127.0.0.1/tcp/0",),
        ("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws"),
        ("/ip6/::1/tcp/0", "/ip4/0.0.0.0/tcp/0"),
        (),
    ],
)
def test_good_addresses_are_taken(addresses: tuple[str, ...]) -> None:
    assert [str(each) for each in listen_addresses_from_text(addresses)] == list(addresses)


@pytest.mark.parametrize(
    ("addresses", "sentence"),
    [
        (("tcp://x",), "not a multiaddr"),
        (("",), "want /ip4/IP/tcp/PORT"),
        (("/ip4/127.0.0.1",), "want /ip4/IP/tcp/PORT"),
        (("/dns4/localhost/tcp/4001",), "want /ip4/IP/tcp/PORT"),
        (("/ip4/127.0.0.1/udp/4001/quic-v1",), "want /ip4/IP/tcp/PORT"),
        (("/ip4/127.0.0.1/tcp/70000",), "not a multiaddr"),
        (("/ip4/192.0.2.254/tcp/0",), "Cannot assign requested address"),
        (("/ip4/127.0.0.1/tcp/45001", "/ip4/127.0.0.1/tcp/45001/ws"), "both listen on port 45001"),
        (("/ip4/0.0.0.0/tcp/45001/ws", "/ip4/127.0.0.1/tcp/45001"), "both listen on port 45001"),
        (("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0"), "given twice"),
    ],
)
def test_bad_address_is_refused_in_a_sentence(addresses: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(ListenError, match=sentence):
        listen_addresses_from_text(addresses)


@pytest.mark.parametrize("shares_port", [False, True])
def test_port_in_use_is_refused_even_when_it_is_shared(shares_port: bool) -> None:
    with socket.socket() as other:
        if shares_port:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ListenError, match="Address already in use"):
            listen_addresses_from_text([f"/ip4/127.0.0.1/tcp/{other.getsockname()[1]}"])
