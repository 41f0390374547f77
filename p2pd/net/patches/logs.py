"""What py-libp2p logs, sorted into the node's own structured log.

``route_library_logs`` is called once, by ``p2pd.net.host``.
"""

from __future__ import annotations

import logging

import structlog

log = structlog.get_logger(__name__)

LIBRARIES = ("libp2p", "multiaddr", "trio-websocket", "zeroconf", "noise", "quic")
"""Loggers of the libraries that only this package uses."""
ORDINARY = (
    "libp2p.host.basic_host",
    "libp2p.identity",
    "libp2p.kad_dht",
    "libp2p.network",
    "libp2p.protocol_muxer",
    "libp2p.pubsub",
    "libp2p.security",
    "libp2p.stream_muxer",
    "libp2p.transport",
    "quic",
)
"""Loggers that report as errors what every network does: peers that go away,
refuse, or talk nonsense. What matters of it is counted by ``Rejections``."""
MAX_DETAIL_CHARS = 300


class _LibraryLines(logging.Handler):
    def filter(self, record: logging.LogRecord) -> bool:
        is_ordinary = record.name.startswith(ORDINARY) and not _is_our_fault(record)
        return record.levelno >= logging.WARNING and not is_ordinary

    def emit(self, record: logging.LogRecord) -> None:
        log.warning(
            "library warned",
            library=record.name,
            level=record.levelname,
            detail=record.getMessage()[:MAX_DETAIL_CHARS],
            exc_info=record.exc_info if _is_our_fault(record) else None,
        )


def _is_our_fault(record: logging.LogRecord) -> bool:
    """Return whether the swarm reports that a callback of this node raised."""
    return str(record.msg).startswith("Notifee ")


def route_library_logs() -> None:
    """Keep the libraries' warnings, drop what they say of ordinary closes (22)."""
    for name in LIBRARIES:
        logger = logging.getLogger(name)
        logger.setLevel(logging.WARNING)
        logger.propagate = False
        if not any(isinstance(handler, _LibraryLines) for handler in logger.handlers):
            logger.addHandler(_LibraryLines())
    # Parts of the library log to the root logger, whose first use would print.
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.NullHandler())
