"""Who may come in: rules on Host, Origin and token, the same for REST and ``/ws``.

Pure. Built once by ``gateway.app``; asked by ``gateway.http.gate`` and
``gateway.http.socket``.

The Host header keeps DNS rebinding out: a page of another site that has its name
point here still sends its own name. The Origin keeps other sites' pages out of
``/ws`` and of everything that changes something. A request without an Origin
comes from no page, so only Host and token count.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.errors import Refusal
from gateway.values import Address

HTTP_PORT = 80
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
SUBPROTOCOL = "wsp.chat.v1"
TOKEN_SUBPROTOCOL = "bearer."
"""Before the token in base64url: the one place where a page can put it for ``/ws``."""

_ADDRESS = re.compile(
    r"(?:(?P<name>localhost)|(?P<v4>[0-9.]+)|\[(?P<v6>[0-9a-f:.]+)\])(?::[0-9]{1,5})?"
)

MAX_SHOWN_CHARS = 128
"""Of a refused value in an answer and in the log."""
TOKEN_REQUIRED = Refusal(
    "UNAUTHENTICATED",
    "TOKEN_REQUIRED",
    "This gateway needs its token, as authorization: Bearer TOKEN; "
    "it is in the file that GATEWAY_TOKEN_FILE names.",
    setting="GATEWAY_TOKEN_FILE",
)


@dataclass(frozen=True, slots=True)
class Access:
    """The rules.

    Attributes:
        hosts: Values of the Host header that are answered to.
        any_address: Whether any IP address, or localhost, is answered to as well;
            for a gateway that listens on all addresses. No name can be rebound
            to these.
        origins: Exact origins; None is the gateway's own: ``http://`` and a Host
            that is answered to.
        token: What callers need; None lets everybody in.
    """

    hosts: frozenset[str]
    any_address: bool
    origins: frozenset[str] | None
    token: str | None

    def host_refusal(self, hosts: Iterable[str]) -> Refusal | None:
        """Check the Host headers: there is one, and it is allowed."""
        hosts = list(hosts)
        return None if self._allowed_host(hosts) is not None else _host_refused(hosts)

    def origin_refusal(self, origins: Iterable[str], hosts: Iterable[str]) -> Refusal | None:
        """Check the Origin headers of something that changes or reveals."""
        found = [one.strip().lower() for one in origins]
        if not found:
            return None
        host = self._allowed_host(hosts)
        allowed = {f"http://{host}"} if self.origins is None else self.origins
        return None if len(found) == 1 and found[0] in allowed else _origin_refused(found)

    def token_refusal(self, authorizations: Iterable[str]) -> Refusal | None:
        """Check ``authorization: Bearer TOKEN``."""
        if self.token is None:
            return None
        given = [one.strip() for one in authorizations]
        scheme, _, token = (given[0] if len(given) == 1 else "").partition(" ")
        return None if scheme.lower() == "bearer" and self._is_token(token) else TOKEN_REQUIRED

    def subprotocol_refusal(self, subprotocols: Iterable[str]) -> Refusal | None:
        """Check the token among the offered WebSocket subprotocols."""
        if self.token is None:
            return None
        offered = (one for one in subprotocols if one.startswith(TOKEN_SUBPROTOCOL))
        allowed = any(self._is_token(_token_from_subprotocol(one)) for one in offered)
        return None if allowed else TOKEN_REQUIRED

    def _allowed_host(self, hosts: Iterable[str]) -> str | None:
        found = [one.strip().lower() for one in hosts]
        if len(found) != 1:
            return None
        host = found[0]
        return host if host in self.hosts or (self.any_address and _is_address(host)) else None

    def _is_token(self, given: str) -> bool:
        return self.token is not None and hmac.compare_digest(
            given.strip().encode("utf-8", "replace"), self.token.encode()
        )


def access_from_address(
    address: Address,
    *,
    origins: tuple[str, ...] = (),
    hosts: tuple[str, ...] = (),
    token: str | None = None,
) -> Access:
    """Build the rules for a gateway that listens at ``address``, its port known."""
    names = {_bracketed(address.host)}
    if address.is_loopback or address.is_wildcard:
        names.update(LOOPBACK_NAMES)
    own = {f"{name}:{address.port}" for name in names}
    if address.port == HTTP_PORT:
        own |= names
    implied = {one.partition("://")[2] for one in origins}
    return Access(
        hosts=frozenset(own | implied | set(hosts)),
        any_address=address.is_wildcard,
        origins=frozenset(origins) or None,
        token=token,
    )


def _host_refused(hosts: Sequence[str]) -> Refusal:
    code, reason, setting = "PERMISSION_DENIED", "HOST_NOT_ALLOWED", "GATEWAY_ALLOWED_HOSTS"
    if len(hosts) != 1:
        message = "A request needs exactly one Host header."
        return Refusal(code, reason, message, setting=setting, value=_shown(", ".join(hosts)))
    host = _shown(hosts[0].strip().lower())
    message = f"This gateway does not answer to the host {host!r}: add it to {setting}."
    return Refusal(code, reason, message, setting=setting, value=host)


def _origin_refused(origins: Sequence[str]) -> Refusal:
    code, reason, setting = "PERMISSION_DENIED", "ORIGIN_NOT_ALLOWED", "GATEWAY_ALLOWED_ORIGINS"
    origin = _shown(", ".join(origins))
    message = f"The origin {origin!r} may not use this gateway: add it to {setting}."
    return Refusal(code, reason, message, setting=setting, value=origin)


def _shown(value: str) -> str:
    """Return a refused value as it may be printed."""
    printable = value.encode("ascii", "backslashreplace").decode("ascii")
    return printable[:MAX_SHOWN_CHARS]


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host.lower()


def _is_address(host: str) -> bool:
    """Return whether a Host is localhost or an IP address, with or without a port."""
    found = _ADDRESS.fullmatch(host)
    if found is None or found["name"]:
        return found is not None
    try:
        ipaddress.ip_address(found["v4"] or found["v6"])
    except ValueError:
        return False
    return True


def _token_from_subprotocol(offered: str) -> str:
    encoded = offered.removeprefix(TOKEN_SUBPROTOCOL)
    try:
        padded = encoded + "=" * (-len(encoded) % 4)
        return base64.b64decode(padded, altchars=b"-_", validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return ""
