"""Which listen addresses are taken, and what is said of the others."""

from __future__ import annotations

import errno
import re
import socket

import pytest
from structlog.testing import capture_logs

from p2pd.net.errors import ListenError
from p2pd.net.listening import listen_addresses_from_text


@pytest.mark.parametrize(
    "addresses",
    [
        ("/ip4/127.0.0.1/tcp/0",),
        ("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/tcp/0/ws"),
        ("/ip6/::1/tcp/0", "/ip4/0.0.0.0/tcp/0"),
        ("/ip4/127.0.0.1/tcp/45001", "/ip4/127.0.0.1/udp/45001/quic-v1"),
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
        (("/ip4/127.0.0.1/udp/4001/quic",), "want /ip4/IP/tcp/PORT"),
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


def test_both_ip_versions_may_have_the_same_port() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
    listen_addresses_from_text([f"/ip4/0.0.0.0/tcp/{port}", f"/ip6/::/tcp/{port}"])


@pytest.mark.parametrize(("taken", "host"), [("127.0.0.1", "0.0.0.0"), ("::1", "::")])
def test_a_port_in_use_by_one_ip_version_is_refused(taken: str, host: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in taken else socket.AF_INET) as other:
        other.bind((taken, 0))
        other.listen()
        port = other.getsockname()[1]
        addresses = [f"/ip4/0.0.0.0/tcp/{port}", f"/ip6/::/tcp/{port}"]
        with pytest.raises(ListenError, match=rf"{re.escape(host)}/tcp/.*already in use"):
            listen_addresses_from_text(addresses)


class NoIpv6(socket.socket):
    """A socket on a machine whose kernel has no IPv6."""

    def __init__(self, family: int = -1, *rest: int) -> None:
        if family == socket.AF_INET6:
            raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")
        super().__init__(family, *rest)


class NoUdp(socket.socket):
    """A socket in a container that may open none of UDP."""

    def __init__(self, family: int = -1, kind: int = -1, *rest: int) -> None:
        if kind == socket.SOCK_DGRAM:
            raise OSError(errno.EACCES, "Permission denied")
        super().__init__(family, kind, *rest)


def test_a_machine_without_udp_listens_on_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", NoUdp)
    both = ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"]
    with capture_logs() as lines:
        assert [str(each) for each in listen_addresses_from_text(both)] == both[:1]
    assert [line["address"] for line in lines] == both[1:]
    with pytest.raises(ListenError, match="Permission denied"):
        listen_addresses_from_text(["/ip4/0.0.0.0/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"])


def test_udp_port_in_use_is_refused() -> None:
    with socket.socket(type=socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))
        with pytest.raises(ListenError, match="Address already in use"):
            listen_addresses_from_text([f"/ip4/127.0.0.1/udp/{other.getsockname()[1]}/quic-v1"])


def test_a_machine_without_ipv6_listens_on_what_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "socket", NoIpv6)
    both = ["/ip4/0.0.0.0/tcp/0", "/ip6/::/tcp/0"]
    with capture_logs() as lines:
        assert [str(each) for each in listen_addresses_from_text(both)] == both[:1]
    assert [line["address"] for line in lines] == both[1:]
    with pytest.raises(ListenError, match="no such IP version"):
        listen_addresses_from_text(both[1:])
    with pytest.raises(ListenError, match="not supported"):
        listen_addresses_from_text(["/ip4/0.0.0.0/tcp/0", "/ip6/::1/tcp/0"])


@pytest.mark.parametrize("shares_port", [False, True])
def test_port_in_use_is_refused_even_when_it_is_shared(shares_port: bool) -> None:
    with socket.socket() as other:
        if shares_port:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(ListenError, match="Address already in use"):
            listen_addresses_from_text([f"/ip4/127.0.0.1/tcp/{other.getsockname()[1]}"])
