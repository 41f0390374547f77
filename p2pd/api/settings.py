"""What the API needs to know before it starts, and its bounds; checked by ``access``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from p2pd.api.admission import PATIENCE, Patience


@dataclass(frozen=True, slots=True)
class ApiSettings:
    """Where and for whom the API is open.

    Attributes:
        listen: ``HOST:PORT``, ``[IPV6]:PORT`` or ``unix:PATH``.
        token: What callers beyond this machine must show; unused where only
            this machine can reach the address.
        allow_open: Serve without a token beyond loopback; only ever set by name.
        tls_certificate: PEM chain of the server; with ``tls_key`` turns TLS on.
        tls_client_ca: PEM certificates; callers must show one signed by these.
        max_streams: Events, PublishStream, Watch and reflection streams open
            at once; above it RESOURCE_EXHAUSTED.
        max_active_publishes: Publish calls carried out at once.
        max_streamed_publishes: Publishes under way for all PublishStreams together;
            no more is read of a stream that has its share of them.
        max_active_calls: Other unary calls carried out at once.
        max_waiting_calls: Unary calls that wait for their turn, and publishes as
            many; above it RESOURCE_EXHAUSTED.
        patience: How long they may wait; above it RESOURCE_EXHAUSTED.
        grace_s: How long callers may take to finish once the API stops.
        progress_interval_s: How often at most a reader is sent a cursor though
            nothing matched.
    """

    listen: str
    token: str | None = None
    allow_open: bool = False
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    max_streams: int = 1024
    max_active_publishes: int = 64
    max_streamed_publishes: int = 256
    max_active_calls: int = 256
    max_waiting_calls: int = 2048
    patience: Patience = PATIENCE
    grace_s: float = 3.0
    progress_interval_s: float = 15.0
