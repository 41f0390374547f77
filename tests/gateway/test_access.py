from __future__ import annotations

import base64

import pytest

from gateway.http.access import Access, access_from_address
from gateway.values import Address

LOOPBACK = access_from_address(Address("127.0.0.1", 8080))
WILDCARD = access_from_address(Address("0.0.0.0", 8080), token="secret")
OUTSIDE = access_from_address(Address("192.0.2.1", 80), token="secret")
PUBLIC = access_from_address(
    Address("127.0.0.1", 8080), origins=("https://chat.example",), hosts=("inner:8080",)
)


@pytest.mark.parametrize(
    ("access", "host", "allowed"),
    [
        (LOOPBACK, "127.0.0.1:8080", True),
        (LOOPBACK, "localhost:8080", True),
        (LOOPBACK, "LocalHost:8080", True),
        (LOOPBACK, "[::1]:8080", True),
        (LOOPBACK, "127.0.0.1", False),
        (LOOPBACK, "127.0.0.1:8081", False),
        (LOOPBACK, "evil.example:8080", False),
        (LOOPBACK, "127.0.0.1:8080.evil.example", False),
        (LOOPBACK, "localhost.:8080", False),
        (LOOPBACK, "", False),
        (WILDCARD, "192.0.2.7:8080", True),
        (WILDCARD, "192.0.2.7:9", True),
        (WILDCARD, "192.0.2.7", True),
        (WILDCARD, "[2001:db8::1]:8080", True),
        (WILDCARD, "[2001:db8::1]", True),
        (WILDCARD, "2001:db8::1", False),
        (WILDCARD, "localhost:9", True),
        (WILDCARD, "evil.example:8080", False),
        (WILDCARD, "192.0.2.7:x", False),
        (WILDCARD, "192.0.2.7.evil.example:8080", False),
        (OUTSIDE, "192.0.2.1", True),
        (OUTSIDE, "192.0.2.1:80", True),
        (OUTSIDE, "192.0.2.2", False),
        (PUBLIC, "chat.example", True),
        (PUBLIC, "inner:8080", True),
        (PUBLIC, "127.0.0.1:8080", True),
        (PUBLIC, "other.example", False),
    ],
)
def test_only_known_hosts_are_answered_to(access: Access, host: str, allowed: bool) -> None:
    assert (access.host_refusal([host]) is None) == allowed


def test_no_host_and_two_hosts_are_refused() -> None:
    assert LOOPBACK.host_refusal([]) is not None
    assert LOOPBACK.host_refusal(["127.0.0.1:8080", "127.0.0.1:8080"]) is not None


@pytest.mark.parametrize(
    ("access", "host", "origin", "allowed"),
    [
        (LOOPBACK, "127.0.0.1:8080", "http://127.0.0.1:8080", True),
        (LOOPBACK, "localhost:8080", "http://localhost:8080", True),
        (LOOPBACK, "localhost:8080", "http://127.0.0.1:8080", False),
        (LOOPBACK, "127.0.0.1:8080", "https://127.0.0.1:8080", False),
        (LOOPBACK, "127.0.0.1:8080", "http://127.0.0.1:8081", False),
        (LOOPBACK, "127.0.0.1:8080", "http://127.0.0.1:8080/", False),
        (LOOPBACK, "127.0.0.1:8080", "null", False),
        (LOOPBACK, "127.0.0.1:8080", "", False),
        (LOOPBACK, "127.0.0.1:8080", "http://evil.example", False),
        (LOOPBACK, "evil.example", "http://evil.example", False),
        (WILDCARD, "192.0.2.7:9", "http://192.0.2.7:9", True),
        (WILDCARD, "192.0.2.7:9", "http://192.0.2.8:9", False),
        (PUBLIC, "chat.example", "https://chat.example", True),
        (PUBLIC, "chat.example", "http://chat.example", False),
        (PUBLIC, "127.0.0.1:8080", "http://127.0.0.1:8080", False),
        (PUBLIC, "chat.example", "https://chat.example.evil.example", False),
    ],
)
def test_origins_are_exact(access: Access, host: str, origin: str, allowed: bool) -> None:
    assert (access.origin_refusal([origin], [host]) is None) == allowed


def test_no_origin_is_no_page_and_two_are_refused() -> None:
    host = ["127.0.0.1:8080"]
    assert LOOPBACK.origin_refusal([], host) is None
    assert LOOPBACK.origin_refusal(["http://127.0.0.1:8080"] * 2, host) is not None


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        (["Bearer secret"], True),
        (["bearer secret"], True),
        (["Bearer secret2"], False),
        (["Bearer sécret"], False),
        (["secret"], False),
        (["Bearer "], False),
        (["Basic secret"], False),
        ([], False),
        (["Bearer secret", "Bearer secret"], False),
    ],
)
def test_the_token_must_match(given: list[str], allowed: bool) -> None:
    assert (WILDCARD.token_refusal(given) is None) == allowed
    assert LOOPBACK.token_refusal(given) is None


def subprotocol(token: str) -> str:
    return "bearer." + base64.urlsafe_b64encode(token.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    ("offered", "allowed"),
    [
        (["wsp.chat.v1", subprotocol("secret")], True),
        ([subprotocol("secret")], True),
        ([subprotocol("secret2")], False),
        (["bearer.secret"], False),
        (["bearer.*"], False),
        (["bearer.\u00e9"], False),
        (["wsp.chat.v1"], False),
        ([], False),
    ],
)
def test_a_page_may_offer_the_token_as_a_subprotocol(offered: list[str], allowed: bool) -> None:
    assert (WILDCARD.subprotocol_refusal(offered) is None) == allowed
