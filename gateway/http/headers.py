"""The security headers of every answer.

Used by ``gateway.http.gate``.
"""

from __future__ import annotations

Header = tuple[bytes, bytes]

#: What holds for every answer. The page needs no inline style or script, no
#: foreign host and no string turned into markup, so none is allowed. The one policy
#: of Trusted Types names the page's own service worker and makes nothing else.
FIXED: tuple[Header, ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-embedder-policy", b"require-corp"),
    (
        b"permissions-policy",
        b"accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), "
        b"magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
    ),
)
POLICY = (
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "manifest-src 'self'",
    "connect-src 'self' {sockets}",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
    "trusted-types wsp-shell",
)
_TEMPLATE = "; ".join(POLICY)


def security_headers(host: str) -> list[Header]:
    """Return the headers of an answer to a request for an allowed ``host``.

    The sockets are named since not every browser counts them to ``'self'``.
    """
    policy = _TEMPLATE.format(sockets=f"ws://{host} wss://{host}" if host else "").strip()
    return [*FIXED, (b"content-security-policy", policy.encode("latin-1"))]
