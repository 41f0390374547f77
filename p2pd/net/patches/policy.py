"""What the stock swarm would do of its own accord, and leaves to this node (22).

Used by ``swarm``: connections are opened, bounded and trimmed in ``p2pd.net.connections``.
"""

from __future__ import annotations

import trio
from libp2p.network.auto_connector import AutoConnector
from libp2p.network.config import ConnectionConfig

from p2pd.net.admission import ConnectionLimits


class NoAutoConnector(AutoConnector):
    """Dials nobody unasked: ``p2pd.net.connections`` decides whom."""

    async def start(self) -> None:
        """Start nothing."""

    async def run_background_task(self, nursery: trio.Nursery) -> None:
        """Run nothing."""

    async def maybe_connect(self) -> None:
        """Connect to nobody."""


def connection_config(limits: ConnectionLimits) -> ConnectionConfig:
    """Set bounds of our own and leave the stock connection policy nothing to do."""
    return ConnectionConfig(
        max_connections=limits.total,
        min_connections=0,
        low_watermark=0,
        high_watermark=limits.total,
        max_connections_per_peer=limits.per_peer,
    )
